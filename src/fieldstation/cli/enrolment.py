"""The way to a hub that does not know this station yet: who answers there, and a key for a PIN.

1. Nothing is sent before the hub has answered like one: a login page of the network in between gets
   no PIN (test_a_login_page_of_the_network_gets_no_pin).
2. Redirects are not followed and proxies of the environment not used, as when readings are sent.
"""

from __future__ import annotations

import hashlib
import ipaddress
import json
import re
import socket
import ssl
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import fieldstation
from fieldstation.errors import BadRequest, ConfigError, HubUnreachable, KeyRejected
from fieldstation.station.settings import settings_of

if TYPE_CHECKING:
    import httpx

PATH = "/api/v1/register"
CONNECT_S, ANSWER_S = 10.0, 30.0
MOST_ANSWER_BYTES = 65_536
# A person in front of the terminal waits this long rather than start again.
LONGEST_WAIT_S = 60
KEY = re.compile(r"fsk_[A-Za-z0-9_-]{20,100}\Z")


class PinRefused(KeyRejected):
    """The hub does not take this PIN; another one may do."""


class Busy(HubUnreachable):
    """The hub looks at no PIN for `wait_s` seconds."""

    def __init__(self, message: str, wait_s: int) -> None:
        super().__init__(message)
        self.wait_s = wait_s


@dataclass(frozen=True, slots=True)
class Enrolled:
    """What the hub gave: the key, and the gateway's name there."""

    key: str
    name: str


def hub_address(text: str) -> str:
    """The address without a path that was copied with it. Raises BadRequest."""
    if fault := settings_of("hub")["url"].fault(text):
        raise BadRequest(f"the hub's address {fault}")
    parts = urlsplit(text)
    return f"{parts.scheme}://{parts.netloc}"


def in_the_clear(url: str) -> bool:
    """Whether a key on the way to this address can be read by others in the network."""
    parts = urlsplit(url)
    host = parts.hostname or ""
    try:
        loopback = ipaddress.ip_address(host).is_loopback
    except ValueError:
        loopback = host == "localhost"
    return parts.scheme == "http" and not loopback


class Doorstep:
    """A connection to the hub at `url`. `proxy` "" and `ca_file` None: none."""

    def __init__(self, url: str, ca_file: Path | None = None, proxy: str = "") -> None:
        import httpx

        self.url, self._place = url, urlsplit(url).netloc
        try:
            trusted = ssl.create_default_context(cafile=ca_file)
        except OSError as error:
            raise ConfigError(f"{ca_file} is no file of certificates: {error}") from error
        self._client = httpx.Client(
            verify=trusted,
            proxy=proxy or None,
            trust_env=False,
            timeout=httpx.Timeout(ANSWER_S, connect=CONNECT_S),
            headers={"user-agent": f"fieldstation/{fieldstation.__version__}"},
        )

    def close(self) -> None:
        """End the connection."""
        self._client.close()

    def knock(self) -> str:
        """The SHA-256 fingerprint of the hub's certificate, "" without TLS. Raises HubUnreachable
        when no hub answers there.
        """
        status, answer, fingerprint = self._ask("GET", "/healthz")
        if status == 503:
            raise HubUnreachable(f"the hub at {self._place} is not ready; try again in a minute")
        if (status, answer) != (200, b"ok\n"):
            raise self._stranger(status, answer)
        return fingerprint

    def enrol(self, pin: str) -> Enrolled:
        """The key for this PIN. Raises PinRefused, Busy, HubUnreachable."""
        said = {
            "pin": pin,
            "device": socket.gethostname()[:80],
            "version": fieldstation.__version__,
        }
        status, answer, _ = self._ask("POST", PATH, said)
        told = _object(answer)
        if status == 201 and KEY.match(str(told.get("key"))):
            return Enrolled(str(told["key"]), str(told.get("name") or "this station"))
        detail = str(told.get("detail") or "")
        if status == 429 and detail:
            raise Busy(detail, int(told.get("wait_s") or LONGEST_WAIT_S + 1))
        if status in (403, 422) and told.get("code") in ("pin-rejected", "not-a-registration"):
            raise PinRefused(detail)
        if status == 404:
            raise HubUnreachable(
                f"the hub at {self._place} is too old to register stations by PIN; use"
                " 'fieldstation hub add-gateway' on its computer"
            )
        raise self._stranger(status, answer)

    def _ask(self, method: str, path: str, body: Any = None) -> tuple[int, bytes, str]:
        import httpx

        try:
            with self._client.stream(method, self.url + path, json=body) as response:
                fingerprint, answer = _fingerprint(response), bytearray()
                for piece in response.iter_bytes():
                    answer += piece
                    if len(answer) > MOST_ANSWER_BYTES:
                        break
                return response.status_code, bytes(answer), fingerprint
        except (httpx.HTTPError, OSError) as error:
            raise HubUnreachable(self._no_way(error)) from error

    def _no_way(self, error: Exception) -> str:
        import httpx

        reason = str(error) or type(error).__name__
        if "CERTIFICATE_VERIFY_FAILED" in reason:
            return (
                f"the certificate of {self._place} is not trusted here"
                f" ({reason.partition('failed: ')[2] or reason}); for a private authority name its"
                " certificate with --ca-file, and check the name and this computer's clock"
            )
        if isinstance(error, httpx.TimeoutException):
            return f"{self._place} does not answer; check the address and this computer's network"
        if "SSL" in reason or isinstance(error, httpx.RemoteProtocolError | httpx.ReadError):
            scheme = urlsplit(self.url).scheme
            other = "http" if scheme == "https" else "https"
            return f"{self._place} does not speak {scheme} ({reason}); is it {other}://...?"
        return f"{self._place} cannot be reached ({reason}); check the address and the network"

    def _stranger(self, status: int, answer: bytes) -> HubUnreachable:
        if 300 <= status < 400 or status == 511 or b"<html" in answer[:2000].lower():
            return HubUnreachable(
                f"{self._place} answers with a page for people ({status}), not as a hub; is the"
                " address right, and is a login page of the network in between?"
            )
        return HubUnreachable(f"{self._place} is no fieldstation hub (it answers {status})")


def _fingerprint(response: httpx.Response) -> str:
    stream = response.extensions.get("network_stream")
    tls = stream.get_extra_info("socket") if stream is not None else None
    if not isinstance(tls, ssl.SSLSocket):
        return ""
    certificate = tls.getpeercert(binary_form=True) or b""
    digest = hashlib.sha256(certificate).hexdigest().upper()
    return ":".join(digest[at : at + 2] for at in range(0, len(digest), 2))


def _object(answer: bytes) -> dict[str, Any]:
    try:
        found = json.loads(answer)
    except (ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}

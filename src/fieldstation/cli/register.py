"""`fieldstation register`: make this computer a gateway of a hub.

1. The PIN comes from the terminal or standard input, never from an argument: arguments can be read
   by every user of the computer, and stay in its history.
2. The key's file is made before the PIN is spent, so a folder that cannot be written costs no PIN;
   it appears whole or not at all, for its owner only
   (test_the_key_file_appears_whole_or_not_at_all).
3. The configuration is touched only when the person agrees, and only to append a section that is
   not there (test_the_hub_section_is_added_when_the_person_agrees).
"""

from __future__ import annotations

import os
import sys
import tempfile
import time
import tomllib
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path
from typing import Annotated, Any, TextIO

import typer

from fieldstation.cli.enrolment import (
    LONGEST_WAIT_S,
    Busy,
    Doorstep,
    Enrolled,
    PinRefused,
    hub_address,
    in_the_clear,
)
from fieldstation.cli.station import SITE, ConfigFile
from fieldstation.errors import BadRequest, ConfigError
from fieldstation.model.plain import plain

TRIES = 3
KEY_FILE = "gateway.key"


def register(
    hub: Annotated[str, typer.Option("--hub", help="Address of the hub, as https://hub.example.")],
    config: ConfigFile = SITE,
    key_file: Annotated[
        Path | None,
        typer.Option(help="Where to write the key; gateway.key beside the configuration if open."),
    ] = None,
    replace: Annotated[
        bool, typer.Option("--replace", help="Write over a key file that is there.")
    ] = False,
    ca_file: Annotated[
        Path | None, typer.Option(help="Certificate of a private authority that signed the hub's.")
    ] = None,
    proxy: Annotated[str, typer.Option(help="HTTP proxy on the way to the hub.")] = "",
    insecure: Annotated[
        bool, typer.Option("--insecure", help="Do not ask when the key travels in the clear.")
    ] = False,
) -> None:
    """Register this station at a hub: type the PIN that the hub's page shows."""
    url, path = hub_address(hub), key_file or config.parent / KEY_FILE
    if path.exists() and not replace:
        raise BadRequest(
            f"{path} exists: this station may be registered already. To use a new key, add"
            " --replace; to keep both, name another file with --key-file"
        )
    if (
        in_the_clear(url)
        and not insecure
        and not _agreed(
            f"{url} is not encrypted: others in the network can read the key on its way. Go on?"
        )
    ):
        raise BadRequest("nothing was sent; use the hub's https address, or add --insecure")
    with closing(Doorstep(url, ca_file, proxy)) as door, _secret_file(path) as file:
        fingerprint = door.knock()
        _say(f"hub          {url}")
        if fingerprint:
            _say(f"certificate  SHA-256 {fingerprint}")
        given = _enrolled(door)
        file.write(given.key + "\n")
    _say(f"This station is the gateway {given.name!r} now. Its key is in {path}.")
    _settle(config, _section(config, url, path, ca_file, proxy), url, path)


def _enrolled(door: Doorstep) -> Enrolled:
    """The key for a PIN that the person types; a mistyped one may be typed again."""
    tries_left = TRIES if sys.stdin.isatty() else 1
    while True:
        tries_left -= 1
        try:
            return _patiently(door, _pin())
        except PinRefused as error:
            if not tries_left:
                raise
            _say(str(error))


def _patiently(door: Doorstep, pin: str) -> Enrolled:
    while True:
        try:
            return door.enrol(pin)
        except Busy as error:
            if error.wait_s > LONGEST_WAIT_S:
                raise
            _say(f"{error} Waiting …")
            time.sleep(error.wait_s)


def _pin() -> str:
    if sys.stdin.isatty():
        print("PIN: ", end="", file=sys.stderr, flush=True)
    pin = sys.stdin.readline().strip()
    if not pin:
        raise BadRequest("no PIN was given; take one on the hub's page 'Add a gateway'")
    return pin


@contextmanager
def _secret_file(path: Path) -> Iterator[TextIO]:
    """A file that takes its name, durably, when the block ends well; mode 0600. Written by root, it
    belongs to whoever its folder belongs to.
    """
    folder = path.parent
    try:
        folder.mkdir(parents=True, exist_ok=True)
        descriptor, scratch = tempfile.mkstemp(dir=folder, prefix=f".{path.name}.")
    except OSError as error:
        raise ConfigError(f"{folder} cannot be written: {error.strerror}") from error
    with ExitStack() as undo:
        undo.callback(Path(scratch).unlink, missing_ok=True)
        with os.fdopen(descriptor, "w", encoding="ascii") as file:
            if os.geteuid() == 0:
                owner = folder.stat()
                os.fchown(descriptor, owner.st_uid, owner.st_gid)
            yield file
            file.flush()
            os.fsync(descriptor)
        os.replace(scratch, path)
        _sync(folder)
        undo.pop_all()


def _sync(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _section(config: Path, url: str, key: Path, ca_file: Path | None, proxy: str) -> str:
    home = config.resolve().parent
    rows = {"url": url, "key_file": _from(home, key)}
    if ca_file is not None:
        rows["ca_file"] = _from(home, ca_file)
    if proxy:
        rows["proxy"] = proxy
    return "[hub]\n" + "".join(f'{name} = "{_quoted(text)}"\n' for name, text in rows.items())


def _from(home: Path, path: Path) -> str:
    found = path.resolve()
    return str(found.relative_to(home)) if found.is_relative_to(home) else str(found)


def _quoted(text: str) -> str:
    return text.replace("\\", "\\\\").replace('"', '\\"')


def _settle(config: Path, section: str, url: str, key: Path) -> None:
    """Bring the configuration in agreement with the key, or say how."""
    try:
        known = tomllib.loads(config.read_text(encoding="utf-8")).get("hub")
    except FileNotFoundError:
        _say(f"Write this into the station's configuration:\n\n{section}")
        return
    except (OSError, ValueError) as error:
        _say(f"{config} cannot be read ({error}). It has to say:\n\n{section}")
        return
    if known is None:
        _offer(config, section)
    elif _names(known, config.resolve().parent, url, key):
        _say(f"{config} names this hub and key; a running station goes on with the new key.")
    else:
        _say(f"{config} has another [hub] section; it has to say:\n\n{section}")


def _names(known: Any, home: Path, url: str, key: Path) -> bool:
    if not isinstance(known, dict):
        return False
    file = home / str(known.get("key_file", KEY_FILE))
    return str(known.get("url")).rstrip("/") == url and file.resolve() == key.resolve()


def _offer(config: Path, section: str) -> None:
    _say(f"{config} names no hub yet. It needs:\n\n{section}")
    if not _agreed(f"Add this to {config}?"):
        return
    with config.open("a", encoding="utf-8") as file:
        file.write(f"\n{section}")
        file.flush()
        os.fsync(file.fileno())
    _say(f"Done; it counts from the station's next start: fieldstation check --config {config}")


def _agreed(question: str) -> bool:
    """Whether a person at the terminal types y; without a terminal nobody agrees."""
    if not sys.stdin.isatty():
        return False
    print(f"{plain(question)} [y/N] ", end="", file=sys.stderr, flush=True)
    return sys.stdin.readline().strip().lower() in ("y", "yes")


def _say(text: str) -> None:
    for line in text.split("\n"):
        print(plain(line), file=sys.stderr)

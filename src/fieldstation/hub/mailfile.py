"""How mail is sent: `mail.toml` in the data folder (described in `accounts.mail`)."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from pathlib import Path

from fieldstation.errors import ConfigError

FILE, OUTBOX = "mail.toml", "outbox"
KEYS = {"host", "port", "security", "user", "password_file", "from"}
SECURITY = ("starttls", "tls", "none")


@dataclass(frozen=True, slots=True)
class Mail:
    """How the hub sends mail. `folder` is where mails are written when there is no `host`."""

    sender: str = "hub@localhost"
    folder: Path | None = None
    host: str = ""
    port: int = 587
    security: str = "starttls"
    user: str = ""
    password: str = ""

    @property
    def backend(self) -> str:
        """Django's name for this way of sending."""
        way = "smtp" if self.host else "filebased"
        return f"django.core.mail.backends.{way}.EmailBackend"


def mail_of(data: Path) -> Mail:
    """What `mail.toml` says. Without the file mails are written to the folder `outbox`. Raises
    ConfigError for a file that makes no sense.
    """
    path = data / FILE
    try:
        words = tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return Mail(folder=data / OUTBOX)
    except (OSError, ValueError) as error:
        raise ConfigError(f"{path} cannot be read: {error}") from error
    security = words.get("security", "starttls")
    unknown = sorted(set(words) - KEYS)
    if unknown or "host" not in words or security not in SECURITY:
        raise ConfigError(
            f"{path} needs host and knows {', '.join(sorted(KEYS))}; security is one of"
            f" {', '.join(SECURITY)}." + (f" Unknown: {', '.join(unknown)}." if unknown else "")
        )
    user = words.get("user", "")
    return Mail(
        sender=words.get("from", user or "hub@localhost"),
        host=words["host"],
        port=words.get("port", 465 if security == "tls" else 587),
        security=security,
        user=user,
        password=_password(data, words.get("password_file", "")),
    )


def _password(data: Path, name: str) -> str:
    try:
        return (data / name).read_text(encoding="utf-8").strip() if name else ""
    except OSError as error:
        raise ConfigError(f"The password file {data / name} cannot be read: {error}") from error

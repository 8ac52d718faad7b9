"""A post, what becomes of it, and why it may be refused."""

from __future__ import annotations

from dataclasses import dataclass, field

from fieldstation.errors import FieldstationError, KeyRejected, NotFound


class UnknownOwner(NotFound):
    """Nobody has this user name."""


class UnknownSensor(NotFound):
    """There is no such sensor."""


class NotOpen(KeyRejected):
    """The sensor takes no posts without its token, or not from this network."""


class TooManyPosts(FieldstationError):
    """The sensor has used up its posts; `after_s` says when the next is taken."""

    def __init__(self, after_s: int) -> None:
        super().__init__(f"The sensor posts too often; wait {after_s} s before the next post.")
        self.after_s = after_s


class KeyReused(FieldstationError):
    """The Idempotency-Key was used for another body."""


@dataclass(frozen=True, slots=True)
class Post:
    """A post as it came: to the sensor with this id, or to the one that `owner` calls `name`.

    `token` is what the sender presented, empty for nothing; `address` the sender's own, for the
    networks that legacy posts may come from. With `trusted` nothing about the sender is checked;
    `marked` then says whether the rows carry the mark. With `own_time` the documents' `time` or
    `at` places them, else the moment of arrival. `lines`: one document on each line.
    """

    body: bytes
    sensor: int | None = None
    owner: str = ""
    name: str = ""
    token: str = ""
    address: str = ""
    at: str = ""
    key: str = ""
    lines: bool = False
    several: bool = False
    own_time: bool = False
    trusted: bool = False
    marked: bool = False
    at_us: int | None = None


@dataclass(frozen=True, slots=True)
class Taken:
    """Documents that are durable: how many, whether they were known by their key already, the time
    of the last one, and the paths of leaves that became no series.
    """

    sensor: int
    stored: int
    last_us: int
    marked: bool = False
    repeated: bool = False
    ignored: tuple[str, ...] = field(default=())

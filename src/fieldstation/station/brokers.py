"""What the configuration says of a broker, as the settings of its line."""

from __future__ import annotations

import platform
from collections.abc import Callable, Iterator, Mapping
from hashlib import blake2b
from pathlib import Path
from typing import Any

from fieldstation.errors import ConfigError
from fieldstation.instruments.names import LONGEST
from fieldstation.model import Listened, MqttLine, OptionValue, chosen
from fieldstation.transport.secret import read_secret

BROKER_KEYS = ("user", "password_file", "ca_file", "client_id")

# An instrument's name has 63 characters; those of a node and the joint must fit behind it.
LONGEST_NAME = 62 - LONGEST
MACHINE = Path("/etc/machine-id")


def broker_line(values: Mapping[str, Any], path: Callable[[str], Path], client_id: str) -> MqttLine:
    """The line that the settings `values` describe; `path` makes a path absolute, `client_id` is
    the one to take when none is set.
    """
    files = {key: str(path(values[key])) for key in ("password_file", "ca_file") if values[key]}
    return MqttLine(values["user"] or "", client_id=values["client_id"] or client_id, **files)


def broker_faults(
    listened: Listened,
    name: str,
    values: Mapping[str, Any],
    options: Mapping[str, OptionValue],
    path: Callable[[str], Path],
) -> Iterator[tuple[str, str]]:
    """What is wrong with an instrument that is heard: the key at fault (empty: none) and one
    sentence for each.
    """
    if len(name) > LONGEST_NAME:
        yield (
            "",
            (
                f"has too long a name: an instrument that is heard has at most {LONGEST_NAME}"
                " characters, since names of nodes are put behind it"
            ),
        )
    try:
        listened.configured(chosen(listened.options, options))
    except ConfigError as error:
        for problem in error.problems:
            yield "", problem
    try:
        if values["password_file"]:
            read_secret(path(values["password_file"]))
    except ConfigError as error:
        yield "password_file", f"password_file: {error}"


def client_id_of(data: Path, name: str) -> str:
    """The client id of an instrument of the station in the folder `data`: always the same, and no
    other station's. MQTT 3.1.1 grants 23 letters and digits.
    """
    try:
        machine = MACHINE.read_text(encoding="ascii", errors="replace").strip()
    except OSError:
        machine = platform.node()
    words = "\0".join((machine, str(data), name))
    return f"fs{blake2b(words.encode(), digest_size=10).hexdigest()}"

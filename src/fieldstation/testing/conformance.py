"""What every instrument folder has to satisfy, as checks that run over any of them.

A folder's `codec` offers:

* `FRAMES`: pairs of a frame's name (for many instruments the command it answers) and the channels
  that such a frame carries, for frames that a unit sends;
* `encode_frame(name, values) -> bytes`, what a unit would send;
* `decode_frame(name, data) -> dict`, all that is in it; `read_frame(name, data) -> dict`, what is
  kept, by channel name of the layouts;
* `frame_end(name) -> FrameEnd` and `FRAME_LIMIT`, the longest frame in bytes;
* `CHECKED`, whether frames carry a checksum: True, False, or the names of those that do;
* `STREAMED = False` when the bus itself says where a reply begins and ends (I2C), so that there is
  no stream to find one's place in again; left out otherwise;
* `vector_frame(entry) -> (name, data)` and `decode_vector(entry) -> dict`.

Its `vectors/*.json` are lists of entries with `id`, `source` and whatever `vector_frame` reads.
"""

from __future__ import annotations

import ast
import json
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import partial
from itertools import pairwise
from pathlib import Path
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from fieldstation.errors import CodecError, InstrumentRefused
from fieldstation.instruments import registry
from fieldstation.model import (
    Channel,
    Heard,
    Instant,
    Kind,
    Layout,
    Listener,
    Message,
    Trust,
    Value,
    acquainted,
    chosen,
)
from fieldstation.protocol.framing import FrameBuffer
from fieldstation.transport.play import answers, play

REFUSALS = (CodecError, InstrumentRefused)

# Pure code has no way to wait, to draw by chance, to touch the system or to know the time.
BANNED = {
    "asyncio", "logging", "multiprocessing", "os", "pathlib", "queue", "random", "secrets",
    "select", "selectors", "signal", "socket", "sqlite3", "ssl", "subprocess", "tempfile",
    "threading", "time", "urllib", "uuid",
}  # fmt: skip
BANNED_CALLS = {"open", "print", "input", "exec", "eval", "now", "utcnow", "today"}
OPEN_ROOMS = {"errors", "model", "protocol"}

# What every page tells; "A worked" goes on with frame, sentence, transaction ...
SECTIONS = ("Wiring", "Permissions", "Settings in the configuration", "Known faults", "A worked ")

_settings = settings(max_examples=60, deadline=None)

# Noon and midnight of a spring day, and a jump of a month: twins must live at any speed.
MOMENTS_S = (1_779_969_600.0, 1_779_969_610.0, 1_780_012_800.0, 1_782_561_600.0)


@dataclass(frozen=True, slots=True)
class Folder:
    """One instrument under test."""

    kind: str

    @property
    def codec(self) -> Any:
        """Its codec module."""
        return registry.module(self.kind, "codec")

    @property
    def heard(self) -> bool:
        """Whether it is heard through a broker and not asked."""
        return registry.listened(self.kind) is not None

    @property
    def path(self) -> Path:
        """Where its files are."""
        return Path(str(registry.module(self.kind, "codec").__file__)).parent

    @property
    def vectors(self) -> list[dict[str, Any]]:
        """All entries of its own vectors."""
        files = sorted((self.path / "vectors").glob("*.json"))
        return [entry for file in files for entry in json.loads(file.read_text("utf-8"))]

    def good_frames(self) -> list[tuple[str, bytes]]:
        """Name and bytes of every vector that is one whole, good frame."""
        return list(self._good())

    def _good(self) -> Iterator[tuple[str, bytes]]:
        for entry in self.vectors:
            try:
                name, data = self.codec.vector_frame(entry)
                self.codec.decode_frame(name, data)
                whole = self.codec.frame_end(name)(data) == len(data)
            except REFUSALS:
                continue
            if whole:
                yield name, data


def value_in_range(channel: Channel) -> st.SearchStrategy[Value]:
    """Values that the channel can have, at the resolution of the instrument."""
    if channel.kind is Kind.FLAG:
        return st.booleans()
    if channel.kind is Kind.ENUM:
        return st.sampled_from(sorted(channel.codes, key=str))
    if channel.kind is Kind.TEXT:
        return st.text("0123456789ABCDEF", min_size=1, max_size=8)
    low, high = channel.low or 0, 1000 if channel.high is None else channel.high
    if channel.kind is Kind.INTEGER:
        return st.integers(int(low), int(high))
    scale = 10**channel.decimals
    return st.integers(round(low * scale), round(high * scale)).map(lambda n: n / scale)


def check_codec_is_total(folder: Folder) -> None:
    """Any bytes give values, CodecError or InstrumentRefused, and nothing else."""
    names = sorted({name for name, _ in (*folder.codec.FRAMES, *folder.good_frames())})
    samples = [data for _name, data in folder.good_frames()] or [b""]

    @_settings
    @given(st.sampled_from(names), _spoiled(samples))
    def any_bytes(name: str, data: bytes) -> None:
        feed(folder.codec, name, data)

    any_bytes()


def feed(codec: Any, name: str, data: bytes) -> None:
    """The property of every fuzzer: `data` gives values or REFUSALS, and a frame ends within it.
    Raises what no codec may.
    """
    for decode in (codec.decode_frame, codec.read_frame):
        try:
            decode(name, data)
        except REFUSALS:
            continue
    try:
        length = codec.frame_end(name)(data) if data else None
    except CodecError:
        return
    assert length is None or 0 <= length <= len(data), f"a frame of {length} bytes in {data!r}"


@st.composite
def _spoiled(draw: st.DrawFn, samples: list[bytes]) -> bytes:
    """Noise, or a good frame with some of its bytes replaced, lost or added."""
    noise = st.binary(max_size=80)
    if draw(st.booleans()):
        return draw(noise)
    data = draw(st.sampled_from(samples))
    start = draw(st.integers(0, len(data)))
    return data[:start] + draw(noise) + data[draw(st.integers(start, len(data))) :]


def check_any_split_gives_the_same_frames(folder: Folder) -> None:
    """A stream cut anywhere gives the frames of the uncut stream."""
    frames = folder.good_frames()
    assert frames, "no vector is a good frame"
    if folder.heard:
        return

    @_settings
    @given(st.data())
    def any_split(data: st.DataObject) -> None:
        name, frame = data.draw(st.sampled_from(frames))
        stream = frame * 3
        cuts = data.draw(st.lists(st.integers(0, len(stream)), max_size=8).map(sorted))
        buffer = FrameBuffer(folder.codec.frame_end(name), folder.codec.FRAME_LIMIT)
        edges = [0, *cuts, len(stream)]
        assert [f for a, b in pairwise(edges) for f in buffer.feed(stream[a:b])] == [frame] * 3

    any_split()


def check_garbage_is_bounded_and_survived(folder: Folder) -> None:
    """Endless garbage keeps less than one frame, and a frame is found within one maximal frame
    behind it.
    """
    if not getattr(folder.codec, "STREAMED", True):
        return
    name, frame = max(folder.good_frames(), key=lambda pair: len(pair[1]))
    limit = folder.codec.FRAME_LIMIT

    @_settings
    @given(st.binary(min_size=1, max_size=64))
    def garbage(pattern: bytes) -> None:
        buffer = FrameBuffer(folder.codec.frame_end(name), limit)
        for _ in range(1 + 4 * limit // len(pattern)):
            buffer.feed(pattern)
            assert buffer.pending <= limit
        after = buffer.feed(frame * (2 + limit // len(frame)))
        assert any(found.endswith(frame) for found in after)

    garbage()


def check_round_trip_over_the_ranges(folder: Folder) -> None:
    """What is encoded over the whole range of every channel is decoded again."""

    @_settings
    @given(st.data())
    def round_trip(data: st.DataObject) -> None:
        name, channels = data.draw(st.sampled_from(folder.codec.FRAMES))
        values = {c.name: data.draw(value_in_range(c), label=c.name) for c in channels}
        decoded = folder.codec.decode_frame(name, folder.codec.encode_frame(name, values))
        for key, value in values.items():
            step = getattr(folder.codec, "STEPS", {}).get(key, 0.0)
            close = isinstance(value, float) and abs(decoded[key] - value) < 1e-6 + step / 2
            assert close or decoded[key] == value, (
                f"{name}.{key}: {value!r} became {decoded[key]!r}"
            )

    round_trip()


def check_every_bit_flip_is_noticed(folder: Folder) -> None:
    """A flipped bit in a checksummed frame never gives other values."""
    checked = folder.codec.CHECKED
    for name, frame in folder.good_frames():
        if not (checked if isinstance(checked, bool) else name in checked):
            continue
        truth = folder.codec.decode_frame(name, frame)
        for bit in range(8 * len(frame)):
            spoiled = bytearray(frame)
            spoiled[bit // 8] ^= 1 << bit % 8
            try:
                seen = folder.codec.decode_frame(name, bytes(spoiled))
            except REFUSALS:
                continue
            assert seen == truth, f"{name}: a flip of bit {bit} went unnoticed"


def check_every_channel_is_hit_by_a_vector(folder: Folder) -> None:
    """Each channel has a value in at least one vector, and each vector names its source."""
    hit: set[str] = set()
    for name, frame in folder.good_frames():
        values = folder.codec.read_frame(name, frame)
        hit |= {key for key, value in values.items() if value is not None}
    channels = {c.name for layout in registry.layouts(folder.kind) for c in layout.channels}
    assert channels <= hit, f"no vector hits {sorted(channels - hit)}"
    nameless = [entry.get("id") for entry in folder.vectors if not entry.get("source")]
    assert not nameless, f"vectors without a source: {nameless}"


def check_vectors_decode_as_they_say(folder: Folder) -> None:
    """`decoded` and `expected_error` of each own vector come true."""
    for entry in folder.vectors:
        result = registry.decode_entry(folder.kind, entry)
        if entry.get("expected_error"):
            assert result.get("error") == entry["expected_error"], entry["id"]
        else:
            assert agrees(result.get("decoded"), entry["decoded"]), entry["id"]


def agrees(found: object, expected: object) -> bool:
    """Equality of decoded values: numbers to 1e-9, the rest exactly, key order ignored."""
    if isinstance(found, bool) or isinstance(expected, bool):
        return found is expected
    if isinstance(found, int | float) and isinstance(expected, int | float):
        return abs(found - expected) <= 1e-9
    if isinstance(found, dict) and isinstance(expected, dict):
        return found.keys() == expected.keys() and all(
            agrees(value, expected[key]) for key, value in found.items()
        )
    if isinstance(found, list) and isinstance(expected, list):
        return len(found) == len(expected) and all(map(agrees, found, expected))
    return found == expected


def check_folder_is_pure(folder: Folder) -> None:
    """No module of the folder waits, draws by chance, logs, touches the system or asks the time;
    none reaches another instrument or a link.
    """
    for file in sorted(folder.path.glob("*.py")):
        if file.name.startswith("test_"):
            continue
        for node in ast.walk(ast.parse(file.read_text("utf-8"))):
            sin = impurity(node, folder.kind)
            assert not sin, f"{file.name} line {getattr(node, 'lineno', 0)} {sin}"


def impurity(node: ast.AST, kind: str) -> str:
    """What a piece of code in the folder of `kind` does that pure code must not; else nothing."""
    for module in _imported(node):
        if module.partition(".")[0] in BANNED:
            return f"imports {module}"
        if module.startswith("fieldstation") and not _may_reach(module, kind):
            return f"reaches into {module}"
    if isinstance(node, ast.Call):
        name = node.func.id if isinstance(node.func, ast.Name) else ""
        name = node.func.attr if isinstance(node.func, ast.Attribute) else name
        return f"calls {name}" if name in BANNED_CALLS else ""
    return "waits" if isinstance(node, ast.Await | ast.AsyncFunctionDef) else ""


def _imported(node: ast.AST) -> list[str]:
    if isinstance(node, ast.Import):
        return [alias.name for alias in node.names]
    if isinstance(node, ast.ImportFrom) and node.module:
        inside = node.module == "fieldstation.instruments"
        return [f"{node.module}.{alias.name}" for alias in node.names] if inside else [node.module]
    return []


def _may_reach(module: str, kind: str) -> bool:
    """Rooms below, the folder itself, and what instruments share; no other instrument."""
    _root, room, part, *_rest = *module.split("."), "", ""
    shared = part not in registry.kinds() and part != "registry"
    return room in OPEN_ROOMS or (room == "instruments" and (part == kind or shared))


def check_twin_and_driver_understand_each_other(folder: Folder) -> None:
    """Every model that the twin can be is identified and polled, or heard; values fit their
    layouts.
    """
    if folder.heard:
        _check_twin_is_heard(folder)
        return
    driver = registry.driver(folder.kind)
    for profile in registry.profiles(folder.kind):
        now_s = list(MOMENTS_S)
        answer = answers(registry.twin(folder.kind, profile, 1, fast=True), partial(_first, now_s))
        plan = driver.plan(play(acquainted(driver), answer))
        assert plan, f"nothing to poll on {profile}"
        while now_s:
            for poll in plan:
                _assert_fits(poll.layout, play(poll.converse(), answer))
            now_s.pop(0)


def _listener(folder: Folder) -> Listener:
    """A listener with the options that hear the twin (`simulator.OPTIONS`, where it needs any)."""
    listened = registry.listened(folder.kind)
    assert listened is not None
    options = getattr(registry.module(folder.kind, "simulator"), "OPTIONS", {})
    return listened.configured(chosen(listened.options, options)).listener()


def _check_twin_is_heard(folder: Folder) -> None:
    for profile in registry.profiles(folder.kind):
        listener, twin = _listener(folder), registry.speaker(folder.kind, profile, 1)
        for utc_s in MOMENTS_S:
            now = Instant(round(utc_s * 1e6), 0, bytes(16), Trust.SYNCED)
            live = [replace(said, retained=False) for said in twin.speak(utc_s)]
            news = [one for said in live for one in listener.hear(said, now)]
            heard = [one for one in news if isinstance(one, Heard)]
            assert heard, f"nothing to hear of {profile}"
            for one in heard:
                _assert_fits(one.layout, dict(one.values))


def _check_listener_survives(folder: Folder) -> None:
    topics = [said.topic for said in registry.speaker(folder.kind, "", 1).speak(MOMENTS_S[0])]
    payloads = _spoiled([data for _name, data in folder.good_frames()])
    messages = st.builds(Message, st.sampled_from(topics) | st.text(), payloads, st.booleans())
    moments = st.builds(
        Instant, st.integers(0, 2**51), st.just(0), st.just(bytes(16)), st.sampled_from(Trust)
    )

    @_settings
    @given(st.lists(st.tuples(messages, moments), max_size=8))
    def any_messages(arrivals: list[tuple[Message, Instant]]) -> None:
        listener = _listener(folder)
        for message, now in arrivals:
            try:
                listener.hear(message, now)
            except CodecError:
                continue

    any_messages()


def _first(numbers: list[float]) -> float:
    return numbers[0]


def _assert_fits(layout: Layout, values: dict[str, Value]) -> None:
    for channel, value in zip(layout.channels, layout.row(values), strict=True):
        assert value is None or _fits(channel, value), f"{channel.name} cannot be {value!r}"


def _fits(channel: Channel, value: Value) -> bool:
    allowed: dict[Kind, tuple[type, ...]] = {
        Kind.NUMBER: (float,),
        Kind.INTEGER: (int,),
        Kind.FLAG: (bool,),
        Kind.ENUM: (int, str),
        Kind.TEXT: (str,),
    }
    return type(value) in allowed[channel.kind]


def check_twin_survives_any_bytes(folder: Folder) -> None:
    """Whatever comes down the line, the twin answers or keeps silent, and goes on living; who hears
    one does so whatever is published.
    """
    if folder.heard:
        _check_listener_survives(folder)
        return

    @_settings
    @given(st.lists(st.binary(max_size=40), max_size=5))
    def any_bytes(chunks: list[bytes]) -> None:
        twin = registry.twin(folder.kind, fast=True)
        for chunk in chunks:
            twin.receive(chunk, MOMENTS_S[0])

    any_bytes()


def check_page_describes_the_instrument(folder: Folder) -> None:
    """The page has every section that a reader looks for, and the places of the generated tables:
    that of the options where there are any.
    """
    page = (folder.path / "page.md").read_text("utf-8")
    missing = [head for head in SECTIONS if f"\n## {head}" not in page]
    assert not missing, f"the page has no section {missing}"
    assert "<!-- channels -->" in page
    assert ("<!-- options -->" in page) is bool(registry.options(folder.kind))


CHECKS = (
    check_codec_is_total,
    check_any_split_gives_the_same_frames,
    check_garbage_is_bounded_and_survived,
    check_round_trip_over_the_ranges,
    check_every_bit_flip_is_noticed,
    check_every_channel_is_hit_by_a_vector,
    check_vectors_decode_as_they_say,
    check_folder_is_pure,
    check_twin_and_driver_understand_each_other,
    check_twin_survives_any_bytes,
    check_page_describes_the_instrument,
)
"""All checks; each takes a Folder and raises AssertionError."""

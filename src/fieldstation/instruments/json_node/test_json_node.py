"""JSON nodes: the table of channels, pointers, hostile documents and the twin."""

from __future__ import annotations

import json
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fieldstation.errors import CodecError, ConfigError, NotFound
from fieldstation.instruments import registry
from fieldstation.instruments.json_node.channels import read_table
from fieldstation.instruments.json_node.driver import LISTENED
from fieldstation.instruments.json_node.listener import MOST_NODES, matches, name_of
from fieldstation.instruments.json_node.pointer import find, parse_pointer
from fieldstation.instruments.json_node.simulator import OPTIONS
from fieldstation.model import Heard, Instant, Kind, Listener, Message, Remark, Trust, chosen

NOON_S = 1_779_969_600
NOW = Instant(NOON_S * 1_000_000, 0, bytes(16), Trust.SYNCED)


def listener(**options: Any) -> Listener:
    return LISTENED.configured(chosen(LISTENED.options, options)).listener()


def hear(ear: Listener, topic: str, document: object, *, kept: bool = False) -> list[str]:
    """Words for what a document brought; readings as name and values."""
    news = ear.hear(Message(topic, json.dumps(document).encode(), kept), NOW)
    return [
        one.word if isinstance(one, Remark) else f"{one.name}{list(one.values.values())}"
        for one in news
    ]


def test_a_row_says_all_of_a_channel() -> None:
    (source,) = read_table(
        'level /tank/level unit=m low=0 high=3.5 decimals=2 label="Water level" headline=yes\n'
        "\n  # the other's row\npump /pump kind=flag\n",
        "a/b",
    )
    level, pump = source.layout.channels
    assert (level.name, level.unit, level.low, level.high) == ("level", "m", 0, 3.5)
    assert (level.decimals, level.label, level.headline) == (2, "Water level", True)
    assert pump.kind is Kind.FLAG
    assert source.steps == (("tank", "level"), ("pump",))
    assert (source.topic, source.layout.name) == ("a/b", "document")


@pytest.mark.parametrize(
    ("table", "sentence"),
    [
        ("", "must hold 1 to 200 rows"),
        ("level", "row 1: 'level' needs a JSON pointer"),
        ("ok /a\nLevel /a", "row 2: channel name 'Level' is not snake_case"),
        ("level a", "row 1: 'a' is no JSON pointer"),
        ("level /~2", "row 1: '/~2' is no JSON pointer"),
        ("level /a unt=m", "row 1: 'unt=m' is no KEY=VALUE of a channel; did you mean unit=?"),
        ("level /a high", "row 1: 'high' is no KEY=VALUE"),
        ("level /a kind=enum", "kind of level must be number, integer, flag, text, not 'enum'"),
        ("level /a low=nan", "row 1: low=nan is not a number"),
        ("level /a decimals=0.5", "decimals of level must be 0 to 12"),
        ("level /a label='", "row 1: No closing quotation"),
        ("level /a topic=a/#/b", "# may only be the last level"),
        ("level /a topic=a/b+", "+ must be a whole level"),
        ('level /a "label=a\x07"', "label of level must be at most 200 plain characters"),
        ("level /a\nlevel /b", "channels with different names"),
    ],
)
def test_a_wrong_row_is_one_sentence_with_its_number(table: str, sentence: str) -> None:
    with pytest.raises(ConfigError) as caught:
        listener(channels=table, topic="t")
    assert any(sentence in problem for problem in caught.value.problems), caught.value.problems


def test_rows_need_a_topic_and_the_time_a_pointer() -> None:
    with pytest.raises(ConfigError, match="needs a topic; set the option topic"):
        listener(channels="level /a")
    with pytest.raises(ConfigError, match="option time: 'time' is no JSON pointer"):
        listener(channels="level /a", topic="t", time="time")


@given(st.text())
def test_any_table_is_channels_or_sentences(table: str) -> None:
    with suppress(ConfigError):
        assert all(source.layout.channels for source in read_table(table, "t"))


@given(st.lists(st.text(max_size=5), max_size=4))
def test_a_pointer_leads_to_its_place(steps: list[str]) -> None:
    document: object = "treasure"
    for step in reversed(steps):
        document = {step: document, step + "~": "other"}
    text = "".join("/" + step.replace("~", "~0").replace("/", "~1") for step in steps)
    if text != "/":
        assert find(document, parse_pointer(text)) == "treasure"


def test_a_pointer_into_nothing_finds_nothing() -> None:
    assert find([1, 2], parse_pointer("/2")) is None
    assert find([1, 2], parse_pointer("/01")) is None
    assert find([1, 2], parse_pointer("/-")) is None
    assert find({"a": 1}, parse_pointer("/a/b")) is None


@pytest.mark.parametrize(
    ("pattern", "topic", "fits"),
    [
        ("a/b", "a/b", True), ("a/b", "a/c", False), ("a/b", "a/b/c", False), ("a/+", "a/b", True),
        ("a/+", "a", False), ("+/+", "a/", True), ("a/#", "a", True), ("a/#", "a/b/c", True),
        ("#", "a/b", True), ("#", "$SYS/x", False), ("+/x", "$SYS/x", False), ("a/#", "b/a", False),
        ("a/b/#", "a", False), ("$SYS/#", "$SYS/x", True),
    ],
)  # fmt: skip
def test_filters_fit_as_the_standard_says(pattern: str, topic: str, fits: bool) -> None:
    assert matches(pattern, topic) is fits


def test_a_wildcard_brings_a_node_for_each_topic() -> None:
    ear = listener(topic="hall/+/state", channels="temperature /t")
    assert hear(ear, "hall/north/state", {"t": 20}) == ["north[20.0]"]
    assert hear(ear, "hall/south/state", {"t": 21}) == ["south[21.0]"]
    assert name_of("hall/#", "hall/a/b") != name_of("hall/#", "hall/a_b")
    for number in range(MOST_NODES - 2):
        hear(ear, f"hall/n{number}/state", {"t": 1})
    with pytest.raises(CodecError, match="one node more than 64"):
        hear(ear, "hall/more/state", {"t": 1})
    assert hear(ear, "hall/north/state", {"t": 20}) == ["north[20.0]"]


def test_a_told_time_makes_a_second_arrival_known() -> None:
    ear = listener(topic="t", channels="level /l", time="/at")
    document = {"l": 1, "at": "2026-05-28T12:00:00Z"}
    assert hear(ear, "t", document, kept=True) == ["[1.0]"]
    assert hear(ear, "t", document) == ["duplicate"]
    assert hear(ear, "t", document | {"at": "2026-05-28T12:00:10Z"}) == ["[1.0]"]
    after = listener(topic="t", channels="level /l", time="/at")
    after.recall("", "document", {"level": 1.0}, NOON_S * 1_000_000)
    assert hear(after, "t", document) == ["duplicate"]


def test_without_a_time_every_arrival_counts_except_what_was_kept() -> None:
    ear = listener(topic="t", channels="level /l")
    assert hear(ear, "t", {"l": 1}, kept=True) == ["kept"]
    assert hear(ear, "t", {"l": 1}) == hear(ear, "t", {"l": 1}) == ["[1.0]"]


def test_a_bad_value_costs_itself_only() -> None:
    ear = listener(topic="t", channels="a /a\nb /b kind=integer\nc /c kind=flag\nd /d kind=text")
    assert hear(ear, "t", {"a": "x", "b": 1.5, "c": "Off", "d": "y"}) == [
        "[None, None, False, 'y']", "unfit", "unfit",
    ]  # fmt: skip
    assert hear(ear, "t", {"a": [1], "b": True, "c": 2, "d": 7, "e": 0} | {"a": "1e3"}) == [
        "[1000.0, None, None, None]", "unfit", "unfit", "unfit",
    ]  # fmt: skip


@given(st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner)
    | st.dictionaries(st.sampled_from(["time", "air", "light"]), inner),
    max_leaves=8,
))  # fmt: skip
def test_any_document_is_a_reading_or_a_refusal(document: object) -> None:
    ear = listener(**OPTIONS)
    with suppress(CodecError):
        assert hear(ear, "site/weather", document)


@pytest.mark.parametrize(
    ("fault", "kind"),
    [("nan", "bad_number"), ("overflow", "bad_number"), ("deep", "too_deep"),
     ("huge", "too_long"), ("double_key", "double_key"), ("junk", "not_json")],
)  # fmt: skip
def test_hostile_documents_are_refused_and_the_next_is_read(fault: str, kind: str) -> None:
    ear, twin = listener(**OPTIONS), registry.speaker("json_node", "", 1, [f"{fault}*1"])
    (bad,) = twin.speak(NOON_S)
    with pytest.raises(CodecError) as caught:
        ear.hear(bad, NOW)
    assert caught.value.kind == kind
    (good,) = twin.speak(NOON_S + 10)
    assert isinstance(ear.hear(good, NOW)[0], Heard)


def test_the_twin_lives_at_any_speed() -> None:
    twin = registry.speaker("json_node", "", 1)
    counts = [len(twin.speak(NOON_S + s)) for s in (0, 5, 10, 35, 10**6, 0, 10)]
    assert counts == [1, 0, 1, 2, 30, 1, 1]
    assert registry.speaker("json_node", "", 1).speak(NOON_S) == registry.speaker(
        "json_node", "", 1
    ).speak(NOON_S)
    with pytest.raises(NotFound, match="nearest is 'weather'"):
        registry.speaker("json_node", "wether")


@pytest.mark.parametrize(
    ("entry", "error"),
    [({}, "unsupported"), ({"options": 5}, "unsupported"), ({"payload": 3, "options": OPTIONS},
     "unsupported"), ({"payload": "{}", "options": OPTIONS, "topic": "site/weather"},
     "nothing_found")],
)  # fmt: skip
def test_any_vector_gives_a_result(entry: dict[str, Any], error: str) -> None:
    assert registry.decode_entry("json_node", entry)["error"] == error

"""ESP nodes: payloads, runs and their times, the queue, the chips and the twin."""

from __future__ import annotations

import json
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fieldstation.errors import CodecError, NotFound
from fieldstation.instruments import registry
from fieldstation.instruments.esp_node import listener as listening
from fieldstation.instruments.esp_node.backlog import is_queued, text_order
from fieldstation.instruments.esp_node.codec import decode_vector
from fieldstation.instruments.esp_node.listener import EspListener, name_of, serial_of
from fieldstation.instruments.esp_node.payload import decode_init, encode_init, encode_sample
from fieldstation.model import Heard, Instant, Message, Remark, Trust, Value

BASE_S = 1_779_969_600
TOPIC = "data_esp_0badcafe"
LOG = "esp001log"
# By what answered: SHT30, MAX6675.
ENDS = {
    (True, True): b"}}",
    (False, True): b"}}.",
    (True, False): b'"Sensor SHT30":"OK",',
    (False, False): b'Start0",\n',
}
# What an entry holds beside the result.
SAID_ASIDE = {"id", "kind", "area", "source", "note", "sampled_ids", "i_pum", "i_snd"}
START: dict[str, Value] = {"data_topic": TOPIC, "clock": "chip"}

FILE = Path(__file__).parents[5] / "shared/vectors/compatibility.json"
ENTRIES: list[dict[str, Any]] = [
    entry
    for entry in (json.loads(FILE.read_text("utf-8")) if FILE.exists() else [])
    if entry["area"] == "B" and entry["kind"] != "hdf5-file"
]


def at(utc_s: float, trust: Trust = Trust.SYNCED) -> Instant:
    return Instant(round(utc_s * 1e6), 0, bytes(16), trust)


def init(base_s: int = BASE_S, *, topic: str = TOPIC, kept: bool = False, **more: Value) -> Message:
    return Message(LOG, encode_init(base_s, START | {"data_topic": topic} | more), kept)


def sample(number: int, *, topic: str = TOPIC, kept: bool = False) -> Message:
    return Message(topic, encode_sample({"sample": number}), kept)


class Ear:
    """A listener, and what it heard."""

    def __init__(self) -> None:
        self.listener = EspListener()

    def hear(self, message: Message, now: Instant) -> str:
        """The word for what a message brought; `start`, or a sample's time after BASE_S and its
        source.
        """
        (news,) = self.listener.hear(message, now)
        if isinstance(news, Remark):
            return news.word
        if news.layout.name == "start":
            return "start"
        assert news.utc_us is not None
        return f"{news.utc_us / 1e6 - BASE_S:+g} {news.values['time_source']}"


@pytest.mark.skipif(not ENTRIES, reason="no shared vectors beside the checkout")
@pytest.mark.parametrize("entry", ENTRIES, ids=lambda entry: str(entry["id"]))
def test_shared_vector_decodes_as_it_says(entry: dict[str, Any]) -> None:
    expected = entry.get("expect") or entry.get("decoded") or entry
    if "error" in expected:
        assert registry.decode_entry("esp_node", entry)["error"]
        return
    found = decode_vector(entry)
    told = {name: value for name, value in expected.items() if name in found}
    assert told.keys() >= expected.keys() - SAID_ASIDE
    assert _near(found, told)


def _near(found: object, expected: object) -> bool:
    if isinstance(found, dict) and isinstance(expected, dict):
        return all(_near(found[key], value) for key, value in expected.items())
    if isinstance(found, list) and isinstance(expected, list):
        return len(found) == len(expected) and all(map(_near, found, expected))
    if isinstance(found, float) and isinstance(expected, int | float):
        return abs(found - expected) <= 1e-6
    return found == expected


@pytest.mark.parametrize("air", [True, False])
@pytest.mark.parametrize("hot", [True, False])
def test_every_cut_of_an_init_document_is_repaired(air: bool, hot: bool) -> None:
    told = START | {
        "ambient_sensor": air, "thermocouple_sensor": hot, "ambient_temperature": -3.25,
        "ambient_humidity": 61.5, "thermocouple_temperature": 31.75,
    }  # fmt: skip
    data = encode_init(BASE_S, told)
    assert data.endswith(ENDS[air, hot])
    found = decode_init(data)
    assert (found.topic, found.base_s) == (TOPIC, BASE_S)
    assert found.values.get("ambient_temperature") == (-3.25 if air else None)
    assert found.values.get("thermocouple_temperature") == (31.75 if hot else None)
    assert (found.values["ambient_sensor"], found.values["thermocouple_sensor"]) == (air, hot)


@given(cut=st.integers(0, 400))
def test_an_init_document_cut_anywhere_gives_its_time_or_none(cut: int) -> None:
    data = encode_init(BASE_S, START)[:cut]
    if b'DATA_topic":"data_esp_0badcafe"' not in data:
        with pytest.raises(CodecError, match="without a DATA_topic"):
            decode_init(data)
        return
    found = decode_init(data)
    assert found.topic == TOPIC
    assert found.base_s == (BASE_S if b"GMT" in data else None)


def test_topic_and_time_are_picked_out_of_a_broken_document() -> None:
    data = encode_init(BASE_S, START).replace(b'"Day_W"', b'"Day_W')
    assert decode_init(data).base_s == BASE_S


def test_a_time_that_no_calendar_has_is_no_base() -> None:
    data = encode_init(BASE_S, START).replace(b"-05-28", b"-02-30")
    assert decode_init(data).base_s is None


def test_a_backlog_in_text_order_is_no_restart() -> None:
    ear = Ear()
    assert ear.hear(init(), at(BASE_S + 2)) == "start"
    heard = [ear.hear(sample(n), at(BASE_S + 110)) for n in text_order(range(60, 110))]
    assert sorted(heard) == sorted(f"+{n} node" for n in range(60, 110))


@given(kept=st.booleans(), later_s=st.integers(0, 100_000))
def test_a_second_arrival_is_ignored_whatever_its_flags(kept: bool, later_s: int) -> None:
    ear = Ear()
    ear.hear(init(), at(BASE_S + 2))
    assert ear.hear(sample(5), at(BASE_S + 6)) == "+5 node"
    assert ear.hear(sample(5, kept=kept), at(BASE_S + 6 + later_s)) == "duplicate"


def test_a_leftover_of_the_run_before_is_ignored() -> None:
    ear = Ear()
    ear.hear(init(kept=True), at(BASE_S + 4))
    assert ear.hear(sample(43_100, kept=True), at(BASE_S + 4)) == "stale"
    assert ear.hear(sample(43_100), at(BASE_S + 4)) == "stale"
    assert ear.hear(sample(2), at(BASE_S + 4)) == "+2 node"


def test_a_node_whose_clock_is_ahead_is_believed() -> None:
    ear = Ear()
    ear.hear(init(), at(BASE_S - 200))
    assert ear.hear(sample(1), at(BASE_S - 198)) == "+1 node"
    later = Ear()
    later.hear(init(kept=True), at(BASE_S - 100))
    assert later.hear(sample(100, kept=True), at(BASE_S - 100)) == "stale"
    assert later.hear(sample(100), at(BASE_S - 100)) == "+100 node"
    assert later.hear(sample(900), at(BASE_S - 99)) == "stale"


def test_data_before_any_init_is_marked_as_estimated() -> None:
    ear = Ear()
    assert ear.hear(sample(100, kept=True), at(BASE_S + 200)) == "unplaced"
    assert ear.hear(sample(100), at(BASE_S + 100)) == "+100 estimated"
    assert ear.hear(sample(101), at(BASE_S + 101.7)) == "+101 estimated"
    assert ear.hear(init(BASE_S - 2), at(BASE_S + 102)) == "start"
    assert ear.hear(sample(101), at(BASE_S + 102)) == "duplicate"
    assert ear.hear(sample(102), at(BASE_S + 102)) == "+100 node"


def test_estimated_times_have_the_trust_of_the_station() -> None:
    for trust in Trust:
        (heard,) = EspListener().hear(sample(1), at(BASE_S, trust))
        assert isinstance(heard, Heard)
        assert heard.trust is trust


def test_ids_that_start_again_unannounced_get_an_estimated_time() -> None:
    ear = Ear()
    ear.hear(init(), at(BASE_S + 2))
    assert ear.hear(sample(20_000), at(BASE_S + 20_002)) == "+20000 node"
    restarted = BASE_S + 20_030
    for number in range(19_500):
        heard = ear.hear(sample(number), at(restarted + number))
        assert heard == f"{20_030 + number:+g} estimated"


def test_a_restart_within_the_first_seconds_is_noticed() -> None:
    ear = Ear()
    ear.hear(init(), at(BASE_S + 2))
    for number in range(40):
        ear.hear(sample(number), at(BASE_S + 2 + number))
    again = [ear.hear(sample(number), at(BASE_S + 60 + number)) for number in range(10)]
    assert again == ["duplicate"] * 4 + [f"+{60 + number} estimated" for number in range(4, 10)]


@given(paces=st.lists(st.sampled_from([0.0, 0.0, 1.0]), min_size=30, max_size=30))
def test_repeated_samples_in_real_time_or_in_a_burst_are_no_restart(paces: list[float]) -> None:
    ear, now_s = Ear(), BASE_S + 2.0
    ear.hear(init(), at(now_s))
    for number, pace_s in enumerate(paces):
        ear.hear(sample(number), at(now_s + number))
        assert ear.hear(sample(number), at(now_s + number + pace_s)) == "duplicate"
    burst = [ear.hear(sample(number), at(now_s + 500)) for number in range(30)]
    assert burst == ["duplicate"] * 30


def test_samples_of_one_count_say_so() -> None:
    ear = EspListener()

    def run(message: Message, now_s: float) -> int:
        (news,) = ear.hear(message, at(now_s))
        assert isinstance(news, Heard)
        return news.run

    assert run(init(), BASE_S + 2) == 0
    first = run(sample(5), BASE_S + 7)
    assert first == run(sample(400), BASE_S + 402) != 0
    assert run(sample(3), BASE_S + 500) != first
    run(init(BASE_S + 600), BASE_S + 602)
    assert run(sample(3), BASE_S + 605) not in (0, first)


def test_a_count_that_wraps_without_a_restart_goes_on() -> None:
    ear = Ear()
    ear.hear(init(), at(BASE_S + 2))
    assert ear.hear(sample(43_199), at(BASE_S + 43_201)) == "+43199 node"
    assert ear.hear(sample(0), at(BASE_S + 43_202)) == "+43200 node"
    assert ear.hear(sample(1), at(BASE_S + 43_203)) == "+43201 node"
    missed = Ear()
    missed.hear(init(), at(BASE_S + 2))
    missed.hear(sample(43_199), at(BASE_S + 43_201))
    assert missed.hear(sample(0), at(BASE_S + 43_214)) == "+43214 estimated"


def test_one_straggler_does_not_move_the_times_of_the_others() -> None:
    ear = Ear()
    ear.hear(init(), at(BASE_S + 2))
    assert ear.hear(sample(20_000), at(BASE_S + 20_002)) == "+20000 node"
    assert ear.hear(sample(5), at(BASE_S + 20_003)) == "+20003 estimated"
    assert ear.hear(sample(20_001), at(BASE_S + 20_003)) == "+20001 node"


def test_a_guess_that_turns_out_ahead_of_time_is_made_anew() -> None:
    ear = Ear()
    assert ear.hear(sample(5), at(BASE_S)) == "+0 estimated"
    assert ear.hear(sample(900), at(BASE_S + 1)) == "+1 estimated"
    assert ear.hear(sample(901), at(BASE_S + 2)) == "+2 estimated"


def test_a_station_without_a_clock_takes_what_is_live_and_leaves_what_was_kept() -> None:
    ear = Ear()
    ear.hear(init(kept=True), at(1000, Trust.UNSYNCED))
    assert ear.hear(sample(7, kept=True), at(1000, Trust.UNSYNCED)) == "stale"
    assert ear.hear(sample(7), at(1000, Trust.UNSYNCED)) == "+7 node"


def test_a_node_without_a_clock_gets_estimated_times() -> None:
    ear = Ear()
    assert ear.hear(init(946_684_800, clock="lost"), at(BASE_S)) == "start"
    assert ear.hear(sample(0), at(BASE_S + 2)) == "+2 estimated"
    assert ear.hear(init(946_684_800, clock="lost", kept=True), at(BASE_S + 9)) == "untimed"
    assert ear.hear(sample(1), at(BASE_S + 3)) == "+3 estimated"


def test_nodes_do_not_disturb_one_another() -> None:
    ear, other = Ear(), "data-esp-00112233"
    ear.hear(init(), at(BASE_S + 2))
    ear.hear(init(BASE_S + 100, topic=other), at(BASE_S + 102))
    assert ear.hear(sample(500), at(BASE_S + 502)) == "+500 node"
    assert ear.hear(sample(3, topic=other), at(BASE_S + 105)) == "+103 node"
    with pytest.raises(CodecError):
        ear.listener.hear(Message(LOG, b"hello"), at(BASE_S + 106))
    assert ear.hear(sample(501), at(BASE_S + 503)) == "+501 node"


def test_what_is_recalled_goes_on_as_if_there_had_been_no_pause() -> None:
    first, second = EspListener(), Ear()
    messages = [init(), *(sample(number) for number in range(300))]
    for message in messages:
        for one in first.hear(message, at(BASE_S + 310)):
            assert isinstance(one, Heard)
            assert one.utc_us is not None
            second.listener.recall(one.name, one.layout.name, one.values, one.utc_us)
    assert second.hear(init(kept=True), at(BASE_S + 400)) == "known_start"
    assert second.hear(sample(299, kept=True), at(BASE_S + 400)) == "duplicate"
    assert second.hear(sample(300), at(BASE_S + 400)) == "+300 node"


def test_a_recalled_guess_is_gone_on_with() -> None:
    ear = Ear()
    values: dict[str, Value] = {"sample": 50, "time_source": "estimated"}
    ear.listener.recall("esp_0badcafe", "samples", values, (BASE_S + 50) * 1_000_000)
    assert ear.hear(sample(51), at(BASE_S + 53)) == "+51 estimated"
    assert ear.hear(init(BASE_S - 2), at(BASE_S + 54)) == "start"
    assert ear.hear(sample(50), at(BASE_S + 54)) == "duplicate"


def test_more_nodes_than_fit_are_refused_in_a_sentence() -> None:
    ear = Ear()
    for number in range(listening.MOST_NODES):
        ear.hear(sample(1, topic=f"data_esp_{number:08x}"), at(BASE_S))
    with pytest.raises(CodecError, match="one node more than 64"):
        ear.hear(sample(1, topic="data_esp_ffffffff"), at(BASE_S))
    ear.listener.recall("esp_ffffffff", "samples", {"sample": 1}, 0)
    assert ear.hear(sample(2, topic="data_esp_00000000"), at(BASE_S + 1)) == "+1 estimated"


@pytest.mark.parametrize(
    ("payload", "word"),
    [
        (b"<Data_begin>", "marker"),
        (b"<Connect_lost>", "marker"),
        (b"", "cleared"),
        (b"21", "foreign"),
    ],
)
def test_what_is_no_sample_is_called_by_its_name(payload: bytes, word: str) -> None:
    assert Ear().hear(Message("some_topic", payload), at(BASE_S)) == word


def test_junk_of_a_known_node_is_a_fault_and_junk_of_others_is_not() -> None:
    ear = Ear()
    assert ear.hear(Message(TOPIC, b"[]"), at(BASE_S)) == "foreign"
    ear.hear(init(), at(BASE_S + 2))
    with pytest.raises(CodecError) as caught:
        ear.hear(Message(TOPIC, b"[]"), at(BASE_S + 3))
    assert caught.value.kind == "not_a_sample"


def test_names_come_from_the_client_id_and_cannot_be_borrowed() -> None:
    assert name_of("data_esp_a6a8d500") == "esp_a6a8d500"
    assert name_of("data-esp-a6a8d500") == "esp-a6a8d500"
    assert serial_of("esp_a6a8d500") == "a6a8d500"
    assert name_of("esp_a6a8d500").startswith("esp_a6a8d500_")
    assert name_of("data_kitchen") == "data_kitchen"
    odd = {name_of(topic) for topic in ("Data Kitchen", "data kitchen", "dätä", "7", "/" * 90, "")}
    assert len(odd) == 6
    assert all(len(name) <= 32 and name[0].isalpha() for name in odd)


@pytest.mark.parametrize(("counted", "sent", "queued"), [(60, 0, True), (61, 0, False)])
def test_the_queue_of_a_node_holds_a_minute(counted: int, sent: int, queued: bool) -> None:
    assert is_queued(counted, sent) is queued


# --- the twin ---


def speak(
    profile: str = "", *faults: str, seconds: int = 100, seed: int = 3
) -> list[tuple[int, Message]]:
    """What the twin says to those who listen all the time, each with its second."""
    twin = registry.speaker("esp_node", profile, seed, faults)
    return [
        (s, replace(said, retained=False))
        for s in range(seconds)
        for said in twin.speak(BASE_S + s)
    ]


def words(messages: list[tuple[int, Message]]) -> list[str]:
    ear, found = Ear(), []
    for second, message in messages:
        try:
            found.append(ear.hear(message, at(BASE_S + second)))
        except CodecError as error:
            found.append(error.kind)
    return found


@pytest.mark.parametrize("profile", registry.profiles("esp_node"))
def test_the_twin_is_a_node_of_each_model(profile: str) -> None:
    said = speak(profile)
    assert said == speak(profile)
    assert said != speak(profile, seed=4)
    (_, first), *rest = said
    told = decode_init(first.payload)
    assert first.topic == LOG
    assert {one.topic for _, one in rest} == {told.topic}
    assert words(said)[:2] == ["start", "marker"]
    assert sum(word.endswith(" node") for word in words(said)) > 95
    assert told.values["ambient_sensor"] is (profile not in ("no_air", "bare"))


def test_the_twin_lives_at_any_speed() -> None:
    twin = registry.speaker("esp_node", "", 3)
    listener = EspListener()
    for utc_s in (BASE_S, BASE_S + 1, BASE_S + 3600, BASE_S + 10**7, BASE_S, BASE_S + 86_400):
        said = twin.speak(utc_s)
        assert 1 <= len(said) <= 64
        for one in said:
            for heard in listener.hear(one, at(utc_s)):
                if isinstance(heard, Heard) and heard.layout.name == "samples":
                    assert heard.utc_us is not None
                    assert -66 <= heard.utc_us / 1e6 - utc_s <= 0
    assert twin.speak(BASE_S + 86_400) == []


def test_the_twin_restarts_by_itself_after_twelve_hours() -> None:
    twin = registry.speaker("esp_node", "", 3)
    said = [one for s in range(0, 90_000, 500) for one in twin.speak(BASE_S + s)]
    bases = [decode_init(one.payload).base_s or 0 for one in said if one.topic == LOG]
    assert [after - before for before, after in pairwise(bases)] == [43_214] * (len(bases) - 1)
    assert sum(one.payload == b"<Data_end>" for one in said) == len(bases) - 1 >= 2


@pytest.mark.parametrize(
    ("fault", "word"),
    [("duplicate", "duplicate"), ("leftover", "stale"), ("junk", "not_a_sample"),
     ("lost_init:0.02", "estimated"), ("restart:0.02", "start")],
)  # fmt: skip
def test_faults_of_the_twin_are_met_by_their_rules(fault: str, word: str) -> None:
    found = words(speak("", fault, seconds=300))
    assert sum(word in one for one in found) >= 2


def test_faults_cost_no_sample_of_the_node() -> None:
    plain = {word for word in words(speak()) if word.endswith(" node")}
    for fault in ("duplicate", "leftover", "junk", "open_thermocouple", "bad_air"):
        assert {word for word in words(speak("", fault)) if word.endswith(" node")} == plain
    late = words(speak("", "backlog:0.95", seconds=100))
    assert len(set(late)) == len(late)


def test_null_values_are_kept_as_missing() -> None:
    for _, message in speak("", "open_thermocouple", "bad_air", seconds=5)[2:]:
        assert b'"kT":null,"aT":null,"aH":null' in message.payload


def test_a_node_with_a_lost_clock_tells_the_year_2000() -> None:
    told = decode_init(speak("", "lost_clock", seconds=1)[0][1].payload)
    assert (told.base_s, told.values["clock"]) == (946_684_800, "lost")


def test_unknown_profile_and_fault_are_said_in_a_sentence() -> None:
    with pytest.raises(NotFound, match="nearest is 'bare'"):
        registry.speaker("esp_node", "bar")
    with pytest.raises(NotFound, match="no fault is called 'shy'"):
        registry.speaker("esp_node", "", 1, ["shy"])
    with pytest.raises(NotFound, match="cannot be asked"):
        registry.driver("esp_node")
    with pytest.raises(NotFound, match="needs a broker"):
        registry.twin("esp_node")
    with pytest.raises(NotFound, match="only when it is asked"):
        registry.speaker("axpert")

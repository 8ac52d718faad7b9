from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fieldstation.errors import ConfigError
from fieldstation.model import SerialLine
from fieldstation.station.config import Config, load_config, with_hub
from fieldstation.station.lines import Lines
from fieldstation.station.settings import SETTINGS, reference

GOOD = """\
[station]
name = "greenhouse"
data = "data"

[instrument.inverter]
kind = "axpert"
port = "/dev/serial/by-id/usb-Adapter_A"
serial_number = "92931701100510"

[instrument.inverter-2]
kind = "axpert"
port = "tcp://192.0.2.1:4001"
every_s = 5
baud = 9600
parity = "E"

[hub]
url = "https://hub.example"
upload_every_s = 30

[journal]
keep_days = 7.5
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    key = tmp_path / "gateway.key"
    key.write_text("fsk_secret")
    key.chmod(0o600)
    return tmp_path


def _load(folder: Path, text: str) -> Config:
    file = folder / "site.toml"
    file.write_text(text, encoding="utf-8")
    return load_config(file)


def _problems(folder: Path, text: str) -> list[str]:
    with pytest.raises(ConfigError) as caught:
        _load(folder, text)
    return [p.removeprefix(f"{folder}/site.toml, ") for p in caught.value.problems]


def test_a_good_file_becomes_frozen_objects_with_all_defaults(folder: Path) -> None:
    config = _load(folder, GOOD)
    assert (config.station.name, config.station.data) == ("greenhouse", folder / "data")
    first, second = config.instruments
    assert (first.name, first.kind, first.every_s) == ("inverter", "axpert", 10.0)
    assert first.line == SerialLine(2400)
    assert first.serial_number == "92931701100510"
    assert (second.every_s, second.line) == (5.0, SerialLine(9600, parity="E"))
    assert config.hub is not None
    assert config.hub.key_file == folder / "gateway.key"
    assert (config.hub.upload_every_s, config.hub.proxy, config.hub.ca_file) == (30, "", None)
    assert (config.journal.keep_days, config.journal.keep_mb) == (7.5, 1000)


def test_equal_adapters_belong_to_units_with_numbers_of_their_own(folder: Path) -> None:
    section = '[instrument.{}]\nkind = "axpert"\nport = "usb:1a86:7523"\nserial_number = "{}"\n'
    config = _load(folder, section.format("roof", "111") + section.format("barn", "222"))
    assert [one.port for one in config.instruments] == ["usb:1a86:7523"] * 2
    (problem,) = _problems(folder, section.format("roof", "111") + section.format("barn", "111"))
    assert "[instrument.barn] has the port of [instrument.roof]" in problem


SERIAL_SE521 = '[instrument.roof]\nkind = "se521"\nwire = "serial"\nport = "/dev/ttyUSB9"\n'


def test_options_of_an_instrument_decide_on_its_line(folder: Path) -> None:
    (one,) = _load(folder, SERIAL_SE521 + "baud = 19200\n").instruments
    assert one.line == SerialLine(19200)
    (problem,) = _problems(folder, SERIAL_SE521.replace("serial", "hid") + "baud = 19200\n")
    assert problem.endswith("baud: an instrument of this kind has no serial line; leave it out")


def test_an_interval_that_a_reading_does_not_fit_into_is_refused(folder: Path) -> None:
    (problem,) = _problems(folder, SERIAL_SE521 + "every_s = 20\naverage = 20\n")
    assert "line 5: [instrument.roof] every_s is 20, but 20 samples 1 s apart take 21 s" in problem


def test_an_option_that_its_driver_refuses_is_told_with_its_section(folder: Path) -> None:
    section = '[instrument.pack]\nkind = "emus_bms"\nport = "/dev/ttyUSB9"\n'
    (problem,) = _problems(folder, section + 'clock_utc_offset = "2"\n')
    assert "[instrument.pack] option clock_utc_offset must be like +02:00" in problem


def test_a_station_needs_no_hub(folder: Path) -> None:
    config = _load(folder, GOOD.split("[hub]")[0])
    assert config.hub is None
    other = with_hub(config, "http://127.0.0.1:8000", folder / "gateway.key")
    assert other.hub is not None
    assert other.hub.url == "http://127.0.0.1:8000"
    with pytest.raises(ConfigError, match="must be an address like"):
        with_hub(config, "hub", folder / "gateway.key")


CASES = [
    ("[station]", "[sation]", "line 1: there is no section [sation]; did you mean 'station'?"),
    ("port = \"tcp", "prot = \"tcp", "line 12: [instrument.inverter-2] has no setting 'prot'; did"
     " you mean 'port'?"),
    ("name = ", "colour = ", "line 2: [station] has no setting 'colour'; there are name, data"),
    ("every_s = 5", "every_s = \"5\"",
     'line 13: [instrument.inverter-2] every_s must be a number, not "5"'),
    ("every_s = 5", "every_s = true",
     "line 13: [instrument.inverter-2] every_s must be a number, not true"),
    ("every_s = 5", "every_s = 0",
     "line 13: [instrument.inverter-2] every_s must be 0.1 to 86400, not 0"),
    ("every_s = 5", "every_s = nan",
     "line 13: [instrument.inverter-2] every_s must be 0.1 to 86400, not NaN"),
    ("baud = 9600", "baud = 9600.5",
     "line 14: [instrument.inverter-2] baud must be a whole number, not 9600.5"),
    ('parity = "E"', 'parity = "even"',
     'line 15: [instrument.inverter-2] parity must be N or E or O, not "even"'),
    ("baud = 9600", "data_bits = 9",
     "line 14: [instrument.inverter-2] data_bits must be 5 or 6 or 7 or 8, not 9"),
    ('name = "greenhouse"', "name = 5", "line 2: [station] name must be a text in quotes, not 5"),
    ('name = "greenhouse"', 'name = ""', "line 2: [station] name must have 1 to 200 characters"),
    ('"tcp://192.0.2.1:4001"', '"COM3"', "line 12: [instrument.inverter-2] port is no address"),
    ('"tcp://192.0.2.1:4001"', '"loop:"', "line 12: [instrument.inverter-2] port must name a real"),
    ('"tcp://192.0.2.1:4001"', '"/dev/serial/by-id/usb-Adapter_A"',
     "line 12: [instrument.inverter-2] has the port of [instrument.inverter]"),
    ('"tcp://192.0.2.1:4001"', '"usb:1a86:7523"',
     "line 12: [instrument.inverter-2] port: usb:1a86:7523 may be several adapters; name the"),
    ("[instrument.inverter-2]", "[instrument.Inverter]",
     "line 10: instrument name 'Inverter' must be 1 to 63 lower case"),
    ("[instrument.inverter-2]\nkind = \"axpert\"", "[instrument.inverter-2]",
     "line 10: [instrument.inverter-2] needs kind"),
    ("[instrument.inverter-2]\nkind = \"axpert\"", "[instrument.inverter-2]\nkind = \"axprt\"",
     "line 11: [instrument.inverter-2] kind: "),
    ("https://hub.example", "hub.example", "line 18: [hub] url must be an address like https"),
    ("https://hub.example", "https://me@hub.example", "line 18: [hub] url must hold no user"),
    ("https://hub.example", "https://hub.example:port", "line 18: [hub] url must be an address"),
    ('upload_every_s = 30', 'key_file = "other.key"',
     "line 19: [hub] key_file: the key file "),
    ('upload_every_s = 30', 'ca_file = "ca.pem"', "line 19: [hub] ca_file: "),
    ("[journal]", "journal = 5\n[x]", "line 22: there is no section [x]"),
    ("keep_days = 7.5", "keep_days = -1", "line 22: [journal] keep_days must be 0.01 to 36500"),
]  # fmt: skip


@pytest.mark.parametrize(("before", "after", "problem"), CASES)
def test_every_fault_is_one_sentence_with_its_line(
    folder: Path, before: str, after: str, problem: str
) -> None:
    assert GOOD.count(before) == 1 or before in ("[station]", "name = ")
    problems = _problems(folder, GOOD.replace(before, after, 1))
    assert any(each.startswith(problem) for each in problems), problems


def test_all_faults_come_at_once_in_file_order(folder: Path) -> None:
    text = GOOD.replace("baud = 9600", "baud = 1").replace('name = "greenhouse"', "name = 1")
    problems = _problems(folder, text.replace("keep_days", "keep_day"))
    assert [each.split(":")[0] for each in problems] == ["line 2", "line 14", "line 22"]


def test_a_key_file_that_others_can_read_is_refused(folder: Path) -> None:
    (folder / "gateway.key").chmod(0o640)
    (problem,) = _problems(folder, GOOD)
    assert problem.endswith(f"type: chmod 600 {folder}/gateway.key")
    assert "fsk_secret" not in problem


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "no instrument is configured"),
        ("[station\n", "is no valid TOML"),
        ("a = 1\na = 2\n", "is no valid TOML"),
        ("instrument = 5", "instrument must be sections"),
        ("[instrument]\ninverter = 5", "must be a section [instrument.inverter]"),
    ],
)
def test_a_file_without_sense_says_what_it_lacks(folder: Path, text: str, words: str) -> None:
    assert any(words in problem for problem in _problems(folder, text))


def test_a_missing_or_binary_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"none\.toml cannot be read: No such file"):
        load_config(tmp_path / "none.toml")
    (tmp_path / "binary.toml").write_bytes(b"a = '\xff'")
    with pytest.raises(ConfigError, match="is not UTF-8 text at byte 5"):
        load_config(tmp_path / "binary.toml")


def test_lines_are_found_however_a_key_is_written() -> None:
    lines = Lines(
        "# comment\n"
        "text = '''\n"
        "[fake]\n"
        "fake = 1\n"
        "'''\n"
        '[ a . "b.c" ]\n'
        "d . e = 1\n"
        "inline = { x = 1 }\n"
        "[[list]]\n"
        "k=1\n"
    )
    assert lines.of(("a", "b.c")) == 6
    assert lines.of(("a", "b.c", "d", "e")) == 7
    assert lines.of(("a", "b.c", "inline", "x")) == 8
    assert lines.of(("list", "k")) == 10
    assert lines.of(("fake",)) == 1


@given(text=st.text())
def test_finding_lines_never_fails(text: str) -> None:
    assert Lines(text).of(("a", "b")) >= 1


def test_the_reference_page_holds_every_setting_as_the_table_has_it() -> None:
    page = Path(__file__).parents[2] / "docs/reference/configuration.md"
    text = page.read_text(encoding="utf-8")
    assert reference() in text
    assert all(f"`{setting.key}`" in text for setting in SETTINGS)


def test_the_example_of_the_reference_page_is_valid(folder: Path) -> None:
    page = Path(__file__).parents[2] / "docs/reference/configuration.md"
    example = page.read_text(encoding="utf-8").split("```toml\n")[1].split("```")[0]
    assert len(_load(folder, example).instruments) == 1

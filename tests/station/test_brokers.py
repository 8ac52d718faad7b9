"""Brokers in the configuration of a station."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from fieldstation.errors import ConfigError
from fieldstation.instruments import registry
from fieldstation.model import MqttLine, chosen
from fieldstation.station.config import load_config

GOOD = """\
[station]
data = "data"

[instrument.hall]
kind = "esp_node"
port = "mqtt://broker"
user = "hall"
password_file = "hall.password"

[instrument.post]
kind = "json_node"
port = "mqtts://broker"
topic = "site/weather"
channels = '''
temperature /t unit=°C
'''
every_s = 60
client_id = "post"
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    secret = tmp_path / "hall.password"
    secret.write_text("open sesame\n")
    secret.chmod(0o600)
    return tmp_path


def problems(folder: Path, text: str) -> list[str]:
    file = folder / "site.toml"
    file.write_text(text, encoding="utf-8")
    with pytest.raises(ConfigError) as caught:
        load_config(file)
    return [one.removeprefix(f"{file}, ") for one in caught.value.problems]


def test_a_broker_stands_in_the_configuration_like_any_port(folder: Path) -> None:
    file = folder / "site.toml"
    file.write_text(GOOD, encoding="utf-8")
    hall, post = load_config(file).instruments
    assert isinstance(hall.line, MqttLine)
    assert hall.line.user == "hall"
    assert hall.line.password_file == str(folder / "hall.password")
    assert re.fullmatch(r"[0-9a-z]{1,23}", hall.line.client_id)
    assert post.line == MqttLine(client_id="post")
    assert (hall.every_s, post.every_s) == (1.0, 60.0)
    listened = registry.listened("json_node")
    assert listened is not None
    assert listened.configured(chosen(listened.options, post.options)).listener().topics == (
        "site/weather",
    )
    elsewhere = folder / "elsewhere.toml"
    elsewhere.write_text(GOOD.replace('"data"', '"other"'), encoding="utf-8")
    (other, _) = load_config(elsewhere).instruments
    assert isinstance(other.line, MqttLine)
    assert other.line.client_id != hall.line.client_id


@pytest.mark.parametrize(
    ("before", "after", "problem"),
    [
        ('"mqtt://broker"', '"/dev/ttyUSB0"', "line 6: [instrument.hall] port: esp_node is heard"),
        ('"mqtt://broker"', '"mqtt://"', "line 6: [instrument.hall] port is no address"),
        ('kind = "esp_node"', 'kind = "axpert"', "line 6: [instrument.hall] port: axpert is asked"),
        ("every_s = 60", "baud = 9600", "line 17: [instrument.post] baud: an instrument of this"
         " kind has no serial line"),
        ("unit=°C", "unt=°C", "line 10: [instrument.post] option channels, row 1: 'unt=°C' is no"),
        ('topic = "site/weather"', "", "line 10: [instrument.post] option channels, row 1: channel"
         " temperature needs a topic"),
        ("hall.password", "none", "line 8: [instrument.hall] password_file: the file "),
        ("instrument.hall", f"instrument.{'h' * 40}", "line 4: [instrument.hhh"),
        ('client_id = "post"', "client_id = 5", "line 18: [instrument.post] client_id must be a"),
    ],
)  # fmt: skip
def test_every_fault_is_one_sentence_with_its_line(
    folder: Path, before: str, after: str, problem: str
) -> None:
    assert before in GOOD
    found = problems(folder, GOOD.replace(before, after, 1))
    assert any(one.startswith(problem) for one in found), found


def test_a_password_that_others_can_read_is_refused_without_being_shown(folder: Path) -> None:
    (folder / "hall.password").chmod(0o644)
    (problem,) = problems(folder, GOOD)
    assert problem.endswith(f"type: chmod 600 {folder}/hall.password")
    assert "sesame" not in problem


def test_two_sessions_of_one_name_are_refused(folder: Path) -> None:
    same = GOOD.replace('user = "hall"', 'client_id = "post"').replace("mqtts:", "mqtt:")
    (problem,) = problems(folder, same)
    assert "[instrument.post] has the port of [instrument.hall]" in problem


def test_an_instrument_that_is_asked_has_no_broker(folder: Path) -> None:
    text = '[instrument.inverter]\nkind = "axpert"\nport = "tcp://h:1"\nuser = "me"\n'
    (problem,) = problems(folder, text)
    assert "user: an instrument of this kind has no broker; leave it out" in problem

"""The registry finds instruments and imports them only when asked."""

from __future__ import annotations

import subprocess
import sys
from itertools import count
from pathlib import Path

import pytest

from fieldstation.errors import BadRequest, CodecError, NotFound
from fieldstation.instruments import registry
from fieldstation.model import Identity, Layout
from fieldstation.transport.play import answers, play

THIRD_PARTY = {
    "their_meter/__init__.py": "",
    "their_meter/driver.py": "DRIVER = 'their driver'\n",
    "their_meter-1.dist-info/METADATA": "Metadata-Version: 2.1\nName: their-meter\nVersion: 1\n",
    "their_meter-1.dist-info/entry_points.txt": (
        "[fieldstation.instruments]\ntheir_meter = their_meter\n"
    ),
}


def python(code: str, path: Path | None = None) -> str:
    """What a fresh interpreter prints."""
    command = [sys.executable, "-c", code]
    environment = {"PYTHONPATH": str(path)} if path else {}
    done = subprocess.run(command, capture_output=True, text=True, check=True, env=environment)
    return done.stdout.strip()


def test_axpert_is_found_without_being_listed_anywhere() -> None:
    assert "axpert" in registry.kinds()
    assert registry.driver("axpert").kind == "axpert"
    assert all(isinstance(layout, Layout) for layout in registry.layouts("axpert"))


def test_unknown_kind_names_the_nearest() -> None:
    with pytest.raises(NotFound, match="nearest name is 'axpert'"):
        registry.driver("axprt")


def test_unknown_profile_and_fault_are_said_in_a_sentence() -> None:
    with pytest.raises(NotFound, match="no Axpert profile"):
        registry.twin("axpert", "nonsense")
    with pytest.raises(NotFound, match="no fault is called 'slience'"):
        registry.twin("axpert", faults=["slience"])
    with pytest.raises(BadRequest, match="cannot be read"):
        registry.twin("axpert", faults=["late:never"])


def test_listing_kinds_imports_no_instrument() -> None:
    code = (
        "import sys; from fieldstation.instruments import registry; registry.kinds();"
        "print([name for name in sys.modules if 'axpert' in name])"
    )
    assert python(code) == "[]"


def test_folder_of_a_third_party_is_found_by_its_entry_point(tmp_path: Path) -> None:
    for name, text in THIRD_PARTY.items():
        file = tmp_path / name
        file.parent.mkdir(exist_ok=True)
        file.write_text(text, encoding="utf-8")
    code = (
        "from fieldstation.instruments import registry;"
        "print('their_meter' in registry.kinds(), registry.driver('their_meter'))"
    )
    assert python(code, tmp_path) == "True their driver"


@pytest.mark.parametrize(
    ("entry", "error"),
    [
        ({"command": "QPBFT", "response_hex": None}, "unsupported"),
        ({"command": "QMOD", "response_hex": "zz"}, "bad_hex"),
        ({"command": "QMOD", "response_hex": ""}, "timeout"),
        ({"command": "QMÖD", "response_hex": "2842e7c90d"}, "invalid_argument"),
        ({"command": 7, "response_hex": 7}, "bad_hex"),
        ({"response_hex": "2842e7c90d00"}, None),
        ({}, "unsupported"),
    ],
)
def test_any_entry_gives_a_result_and_never_a_traceback(
    entry: dict[str, object], error: str | None
) -> None:
    assert registry.decode_entry("axpert", entry).get("error") == error


def test_frame_is_decoded_with_and_without_its_command() -> None:
    frame = bytes.fromhex("2842e7c90d")
    mode = {"device_mode": "B", "device_mode_label": "battery"}
    assert registry.decode_frame("axpert", frame, "QMOD") == mode
    assert registry.decode_frame("axpert", frame) == {"command": "QMOD"} | mode
    with pytest.raises(CodecError, match="damaged on the line"):
        registry.decode_frame("axpert", b"(C\xe7\xc9\r", "QMOD")


def test_line_faults_and_own_faults_may_be_ordered_together() -> None:
    unit = registry.twin("axpert", faults=["late*1", "lf_after_cr"], fast=True)
    late = unit.receive(b"QMOD\x49\xc1\r", 1_779_969_600)
    prompt = unit.receive(b"QMOD\x49\xc1\r", 1_779_969_610)
    assert [piece.data for piece in late] == [piece.data for piece in prompt]
    assert late[0].data.endswith(b"\r\n")
    assert (late[0].delay_s, prompt[0].delay_s) == (6.0, 0.0)


ASKED = [kind for kind in registry.kinds() if registry.listened(kind) is None]


@pytest.mark.parametrize("kind", ASKED)
def test_the_main_poll_is_the_same_for_a_unit_that_has_told_only_its_kind(kind: str) -> None:
    seconds = count(1_790_000_000)
    answer = answers(registry.twin(kind, seed=1), lambda: next(seconds) / 1.0)
    driver = registry.driver(kind)
    known = driver.plan(play(driver.identify(), answer))
    assert driver.plan(Identity(kind))[0].layout == known[0].layout

"""`scan`: which instruments are attached, and the configuration that reads them."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from fieldstation.cli.capture import new_file
from fieldstation.cli.output import AsJson, emit_json, emit_table
from fieldstation.errors import BadRequest

if TYPE_CHECKING:
    from fieldstation.model import OptionValue
    from fieldstation.transport.scan import Finding, Place, Probe


def scan(
    port: Annotated[
        list[str] | None,
        typer.Option(help="Look only here; any address of the configuration. May be repeated."),
    ] = None,
    as_json: AsJson = False,
    config_out: Annotated[
        Path | None, typer.Option(help="Write the configuration to this new file.")
    ] = None,
) -> None:
    """Ask every port who is there, with questions that change nothing.

    Prints a table and a site.toml that reads what was found. I2C and SPI buses, also those behind a
    USB-ISS adapter, and network addresses are asked only when --port names them. Stop a running
    station first: a port has one owner.
    """
    from fieldstation.transport.scan import named_place, places

    probes = all_probes()
    known = places(probes)
    wanted = [named_place(one, known) for one in port] if port else known
    if not wanted:
        print("no serial port and no known USB instrument is attached", file=sys.stderr)
    findings = asyncio.run(_ask(wanted, probes))
    rows = [_row(finding) for finding in findings]
    if as_json:
        emit_json(rows)
    elif rows:
        emit_table(COLUMNS, [_cells(row) for row in rows])
    _offer(site(findings), config_out, printed=not as_json)


COLUMNS = ("port", "device", "kind", "model", "serial", "remark")


def all_probes() -> list[Probe]:
    """How each kind that answers questions may be asked: one probe for each sort of wire."""
    from fieldstation.instruments import registry
    from fieldstation.model import configured
    from fieldstation.model.talk import usb_numbers
    from fieldstation.transport.scan import Probe

    probes = []
    for kind in registry.kinds():
        if registry.listened(kind) is not None:
            continue
        driver = registry.driver(kind)
        probes.append(Probe(kind, driver, {}, usb_numbers(driver)))
        for option in getattr(driver, "options", ()):
            others = option.choices if option.name == "wire" else ()
            for wire in others:
                if wire != option.default:
                    given: dict[str, OptionValue] = {"wire": wire}
                    probes.append(Probe(kind, configured(driver, given), given))
    return probes


async def _ask(wanted: Sequence[Place], probes: Sequence[Probe]) -> list[Finding]:
    from fieldstation.transport.scan import ask_place, suitable

    findings: list[Finding] = []
    for number, place in enumerate(wanted, 1):
        kinds = dict.fromkeys(probe.kind for probe in suitable(place, probes))
        what = f"asking for {', '.join(kinds)}" if kinds else "no kind can be here"
        print(f"{number}/{len(wanted)} {place.port}: {what} …", file=sys.stderr)
        findings += await ask_place(place, probes)
    return findings


def _row(finding: Finding) -> dict[str, Any]:
    who, probe = finding.identity, finding.probe
    return {
        "port": finding.place.port,
        "device": finding.place.device,
        "kind": probe.kind if probe else "",
        "model": who.model if who else "",
        "serial": who.serial if who else "",
        "remark": finding.note or ("" if who else finding.place.label),
    }


def _cells(row: Mapping[str, str]) -> tuple[str, ...]:
    return tuple(row[column] for column in COLUMNS)


# --- the configuration ---


def site(findings: Sequence[Finding]) -> str:
    """A configuration of everything that was found, each unit once; empty when nothing was."""
    sections: dict[str, str] = {}
    seen: dict[tuple[str, str], str] = {}
    for finding in findings:
        probe, who = finding.probe, finding.identity
        if probe is None or who is None:
            continue
        unit = (probe.kind, who.serial)
        if who.serial and unit in seen:
            sections[seen[unit]] += f"# the same unit answers on {finding.place.port}\n"
            continue
        name = _free_name(probe.kind, sections)
        seen[unit] = name
        port = (who.serial and finding.place.alike) or finding.place.port
        sections[name] = _section(name, port, probe, who.serial)
    head = '[station]\nname = "station"\ndata = "station-data"\n'
    return "\n".join([head, *sections.values()]) if sections else ""


def _section(name: str, port: str, probe: Probe, serial: str) -> str:
    settings = {"kind": probe.kind, "port": port}
    if serial:
        settings["serial_number"] = serial
    lines = [f"{key} = {_toml(value)}" for key, value in (settings | dict(probe.options)).items()]
    return "\n".join([f"[instrument.{name}]", *lines]) + "\n"


def _toml(value: OptionValue) -> str:
    """A value as TOML writes it; its texts are those of JSON."""
    import json

    return json.dumps(value)


def _free_name(kind: str, taken: Mapping[str, str]) -> str:
    number, name = 1, kind
    while name in taken:
        number += 1
        name = f"{kind}_{number}"
    return name


def _offer(text: str, out: Path | None, *, printed: bool) -> None:
    if not text:
        if out is not None:
            raise BadRequest(f"no instrument answered, so {out} is not written")
        return
    if out is None:
        if printed:
            print(f"\n{text}", end="")
        return
    with new_file(out) as file:
        file.write(text)
    print(f"wrote {out}; look at the names, then: fieldstation check -c {out}", file=sys.stderr)

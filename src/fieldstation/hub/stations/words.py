"""What a gateway's page says: the word on its badge, and sentences on what needs somebody."""

from __future__ import annotations

from typing import Any

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy as later

from fieldstation.hub.instruments.words import decimal
from fieldstation.hub.ledger.runs import Ending
from fieldstation.hub.stations.models import Gateway

# Beyond this the order of readings from several stations can no longer be trusted.
CLOCK_OFF_S = 5.0
# A station needs room for its journal's next weeks.
DISK_SHORT = 500_000_000
STEPS = ((86400, later("d")), (3600, later("h")), (60, later("min")), (1, later("s")))


def state_word(state: str, *, registered: bool) -> str:
    """The badge's word. `never` means two things."""
    if state == "never":
        return _("never heard of") if registered else _("waits for its station")
    words = {
        "online": _("online"),
        "late": _("late"),
        "not_heard": _("not heard"),
        "revoked": _("revoked"),
    }
    return words[state]


def attention(gateway: Gateway, facts: dict[str, Any]) -> list[str]:
    """One sentence for each thing that a person has to do something about, most urgent first."""
    found = [_alarm(facts), _silence(gateway, facts), _clock(facts), _disk(facts), _holes(facts)]
    return [sentence for sentence in found if sentence]


def ending_word(ending: Ending, *, online: bool) -> str:
    """How a run ended, in a few words."""
    words = {
        Ending.NONE: _("runs") if online else _("not heard of since"),
        Ending.STOPPED: _("was stopped"),
        Ending.WENT_DOWN: _("the machine went down, as in a power cut"),
        Ending.CRASHED: _("crashed or was killed"),
        Ending.BESIDE: _("reports beside the run after it"),
    }
    return words[ending]


def figures(facts: dict[str, Any]) -> dict[str, str]:
    """The figures of the last report in people's units; empty where there was none."""
    if facts["last_report"] is None:
        return {}
    drained, offset = facts["drained_in_s"], facts["clock_offset_s"]
    return {
        "drained": span_text(drained) if drained else "",
        "clock": _offset_text(offset),
        "journal": size_text(facts["journal_bytes"]),
        "free": size_text(facts["disk_free_bytes"]),
    }


def _offset_text(offset_s: float) -> str:
    if abs(offset_s) < 1:
        return _("right to %(ms)d ms") % {"ms": max(1, round(abs(offset_s) * 1000))}
    way = _("ahead") if offset_s > 0 else _("behind")
    return f"{span_text(abs(offset_s))} {way}"


def span_text(seconds: float) -> str:
    """A length of time in its largest unit and the next: `12 s`, `2 h 5 min`, `4 d 3 h`."""
    left = max(0, round(seconds))
    at = next((place for place, (size, _word) in enumerate(STEPS) if left >= size), len(STEPS) - 1)
    parts: list[str] = []
    for size, word in STEPS[at : at + 2]:
        count, left = divmod(left, size)
        parts += [f"{count} {word}"] if count or not parts else []
    return " ".join(parts)


def size_text(count: int) -> str:
    """Bytes in people's units: `81.3 MB`."""
    size, words = float(count), ["B", "kB", "MB", "GB"]
    while size >= 1000 and len(words) > 1:
        size, words = size / 1000, words[1:]
    text = f"{size:.3g}" if size < 1000 else f"{size:.0f}"
    return f"{decimal(text)} {words[0]}"


def _alarm(facts: dict[str, Any]) -> str:
    alarm = facts["alarm"]
    if not alarm:
        return ""
    if alarm["code"] == "clone":
        return _(
            "Two stations use this key, perhaps from a copied card. Nothing is overwritten. "
            "Register one of them as a gateway of its own."
        )
    return str(alarm["text"])


def _silence(gateway: Gateway, facts: dict[str, Any]) -> str:
    if gateway.revoked_at:
        return _("Its key is revoked: uploads are refused, and new readings wait at the station.")
    if gateway.key_hash is None:
        return _("No station has registered yet. Take a PIN and type it at the station.")
    if facts["state"] == "never":
        return _("The station has its key but has sent nothing yet. Start it.")
    if facts["state"] == "not_heard":
        return _(
            "The station has not been heard of. Look after its power and its network; "
            "it keeps its readings until it is back."
        )
    return ""


def _clock(facts: dict[str, Any]) -> str:
    offset = facts["clock_offset_s"]
    if offset is None or facts["state"] == "not_heard":
        return ""
    if facts["clock_trusted"] and abs(offset) >= CLOCK_OFF_S:
        return _("Its clock differs from the hub's by %(span)s. Set one of them right.") % {
            "span": span_text(abs(offset))
        }
    return ""


def _disk(facts: dict[str, Any]) -> str:
    free = facts["disk_free_bytes"]
    if free is None or free >= DISK_SHORT:
        return ""
    return _("Only %(size)s are free at the station. Make room, or readings will be missing.") % {
        "size": size_text(free)
    }


def _holes(facts: dict[str, Any]) -> str:
    if not facts["open_holes"] or facts["state"] == "not_heard":
        return ""
    return _("Readings are going missing at the moment; the calendar says of what and why.")

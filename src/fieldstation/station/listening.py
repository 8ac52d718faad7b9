"""Instruments that are heard: a broker's messages on their way to the journal.

1. One configured instrument may bring many: each node gets the configured name and its own behind
   it, `hall-esp_a6a8d500`, and is followed without configuration.
   `test_nodes_are_followed_without_being_configured`
2. A message is acknowledged to the broker only when its readings are on the disk; what was not is
   heard again after a restart, and known by what it says.
   `test_no_sample_is_lost_or_kept_twice_by_a_crash`
3. What the listener knew is told to it again from the journal.
4. While the journal takes nothing, nothing is read: the broker keeps it.
5. What cannot be used is counted by its kind and logged at the first, tenth, hundredth time.
   `test_junk_is_counted_and_logged_ever_more_seldom`
6. Regular readings that did not come are a hole once that is certain (attendance), with its cause:
   the station did not run, the broker was away, or the node was silent.
   `test_a_silent_node_leaves_a_hole`
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from fieldstation.batch.model import Announcement
from fieldstation.errors import CodecError, LinkError, StoreError
from fieldstation.instruments.names import LONGEST
from fieldstation.journal import Journal
from fieldstation.model import (
    Heard,
    Instant,
    Kept,
    Layout,
    Listened,
    Message,
    MqttLine,
    Reading,
    Remark,
)
from fieldstation.sinks.backoff import Backoff
from fieldstation.station.attendance import LAG_S, Attendance
from fieldstation.station.causes import Cause, cause_of
from fieldstation.station.clock import Clock
from fieldstation.station.collector import MOST_TOGETHER, Collector
from fieldstation.station.config import InstrumentSettings
from fieldstation.station.instrument import InstrumentState
from fieldstation.station.ledger import Ledger
from fieldstation.station.values import fit
from fieldstation.transport.address import MqttPort, parse_address
from fieldstation.transport.mqtt import Arrival, Feed, open_feed
from fieldstation.transport.secret import read_secret

log = logging.getLogger(__name__)

# A name of 63 characters, less those of a node and the joint.
LONGEST_NAME = 62 - LONGEST
# Half of what a broker leaves unacknowledged by default: then the disk is not waited for.
HURRY_AT = 10
WATCH_S = 10.0
FULL_S = 1.0
RECALLED = 500
# Longer than any commit waits, so that settling never causes one.
PATIENCE_S = 3600.0


@dataclass(slots=True)
class Node:
    """One node, as the status tells of it."""

    name: str
    ledger: Ledger
    layouts: dict[str, Attendance] = field(default_factory=dict)
    serial: str = ""
    readings: int = 0
    last_utc_us: int = 0
    silent: bool = False

"""The demo's hub is furnished with things that work."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from typing import Any
from urllib.parse import parse_qs

import pytest

FURNISH = """
import json, sys
from pathlib import Path
from fieldstation.hub import run
names = {"demo": "one two three", "editor": "four five six", "viewer": "seven eight nine"}
furnished = run.furnish(Path(sys.argv[1]), names)
from fieldstation.hub.accounts.models import User
from fieldstation.hub.plots.models import Annotation, Dashboard, SavedPlot
from fieldstation.hub.sites.models import Membership, Role
board = Dashboard.objects.get()
print(json.dumps({
    "furnished": json.loads(furnished.text()),
    "operators": [one.username for one in User.objects.filter(is_operator=True)],
    "roles": sorted((m.site.slug, m.user.username, Role(m.role).name)
                    for m in Membership.objects.all()),
    "plots": {str(one.id): one.query for one in SavedPlot.objects.all()},
    "tiles": board.tiles, "default": board.is_default,
    "notes": Annotation.objects.count(),
}))
"""


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    environment = {k: v for k, v in os.environ.items() if not k.startswith("FIELDSTATION_")}
    command = [sys.executable, "-c", FURNISH, str(tmp_path_factory.mktemp("hub"))]
    done = subprocess.run(command, check=True, capture_output=True, text=True, env=environment)
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def test_there_is_somebody_in_every_role(made: dict[str, Any]) -> None:
    assert made["operators"] == ["demo"]
    home = [row[1:] for row in made["roles"] if row[0] == "home"]
    assert home == [["demo", "OWNER"], ["editor", "EDITOR"], ["viewer", "VIEWER"]]


def test_what_the_demo_remembers_is_read_back_as_written(made: dict[str, Any]) -> None:
    from fieldstation.hub.furnished import Furnished

    text = json.dumps(made["furnished"])
    assert Furnished.of_text(text).text() == text
    tokens = [token for _, token in made["furnished"]["sensors"].values()]
    assert all(token.startswith("fsn_") for token in tokens)


def test_every_plot_shows_channels_that_are_there(made: dict[str, Any]) -> None:
    from fieldstation.cli import posted, stage
    from fieldstation.cli.orders import Orders
    from fieldstation.hub.sensors.leaves import channel_name, leaves
    from fieldstation.instruments import registry

    known = {
        f"demo-station/{one.name}:{channel.name}"
        for one in stage.cast(1, Orders())
        for layout in registry.layouts(one.kind)
        for channel in layout.channels
    }
    for name, (document, _) in posted.OF_SENSOR.items():
        place = f"sensors-home/{name.lower().replace(' ', '-')}"
        known |= {f"{place}:{channel_name(leaf.path)}" for leaf in leaves(document(0, 1))}
    curves = {curve for query in made["plots"].values() for curve in parse_qs(query)["curve"]}
    assert curves <= known
    assert made["default"]
    assert {tile["plot"] for tile in made["tiles"]} <= made["plots"].keys()
    assert made["notes"] == 4


def test_sensors_of_the_demo_have_a_document_each(made: dict[str, Any]) -> None:
    from fieldstation.cli import posted

    assert made["furnished"]["sensors"].keys() == posted.OF_SENSOR.keys()

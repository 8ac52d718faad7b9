"""The object that an ASGI server runs: `fieldstation.hub.asgi:application`."""

from __future__ import annotations

import django

django.setup(set_prefix=False)

# Models can be imported only once Django knows its settings.
from fieldstation.hub.application import Hub  # noqa: E402

application = Hub()

"""Django's entry for this folder."""

from django.apps import AppConfig


class Sensors(AppConfig):
    """Sensors, their documents and what was deleted of them."""

    name = "fieldstation.hub.sensors"
    label = "sensors"

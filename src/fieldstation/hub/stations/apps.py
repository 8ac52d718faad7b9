"""Django's entry for this folder."""

from django.apps import AppConfig


class Stations(AppConfig):
    """Gateways and their keys."""

    name = "fieldstation.hub.stations"
    label = "stations"

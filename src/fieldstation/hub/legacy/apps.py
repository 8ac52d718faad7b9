"""Django's entry for this folder."""

from django.apps import AppConfig


class Legacy(AppConfig):
    """Old gateways: their slots, zones and what is known of their tables."""

    name = "fieldstation.hub.legacy"
    label = "legacy"

"""Django's entry for this folder."""

from django.apps import AppConfig


class Greenhouse(AppConfig):
    """The old site's documents, switches and numbers."""

    name = "fieldstation.hub.greenhouse"
    label = "greenhouse"

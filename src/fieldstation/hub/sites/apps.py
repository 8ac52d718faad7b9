"""Django's entry for this folder."""

from django.apps import AppConfig


class Sites(AppConfig):
    """Sites, roles and the audit log."""

    name = "fieldstation.hub.sites"
    label = "sites"

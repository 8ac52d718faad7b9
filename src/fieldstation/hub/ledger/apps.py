"""Django's entry for this folder."""

from django.apps import AppConfig


class Ledger(AppConfig):
    """Facts and reports of stations."""

    name = "fieldstation.hub.ledger"
    label = "ledger"

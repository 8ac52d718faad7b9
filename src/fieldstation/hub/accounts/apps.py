"""Django's entry for this folder."""

from django.apps import AppConfig


class Accounts(AppConfig):
    """People and sign-in."""

    name = "fieldstation.hub.accounts"
    label = "accounts"

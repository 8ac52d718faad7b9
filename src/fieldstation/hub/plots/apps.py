"""Django's entry for this folder."""

from django.apps import AppConfig


class Plots(AppConfig):
    """Pictures that people keep, arrange and share."""

    name = "fieldstation.hub.plots"
    label = "plots"

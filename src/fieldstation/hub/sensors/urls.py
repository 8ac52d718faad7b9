"""Addresses of the sensors' pages."""

from __future__ import annotations

from django.urls import path

from fieldstation.hub.sensors import views

ONE = "sensors/<int:number>"

urlpatterns = [
    path("sensors", views.sensors, name="sensors"),
    path("sensors/register", views.register, name="sensor-register"),
    path(ONE, views.sensor, name="sensor"),
    path(f"{ONE}/token", views.new_token, name="sensor-token"),
    path(f"{ONE}/revoke", views.revoke, name="sensor-revoke"),
    path(f"{ONE}/settings", views.settings, name="sensor-settings"),
    path(f"{ONE}/delete", views.delete, name="sensor-delete"),
    path(f"{ONE}/restore", views.restore, name="sensor-restore"),
    path(f"{ONE}/spans", views.delete_span, name="sensor-delete-span"),
    path(f"{ONE}/spans/<int:span>/restore", views.restore_span, name="sensor-restore-span"),
]

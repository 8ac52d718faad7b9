"""The addresses of old gateways, below `/api/v1/`."""

from __future__ import annotations

from django.urls import re_path

from fieldstation.hub.legacy import views

urlpatterns = [
    re_path(r"^activate/?$", views.activate),
    re_path(r"^quarantine_request/?$", views.quarantine_request),
    re_path(r"^upload_status/(?P<batch>[^/]{1,64})/?$", views.upload_status),
]

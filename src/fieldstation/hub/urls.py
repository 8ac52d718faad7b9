"""Addresses of the pages; the API and its addresses are in `api`."""

from __future__ import annotations

from django.urls import URLPattern, URLResolver, path

from fieldstation.hub import health
from fieldstation.hub.accounts import views as accounts
from fieldstation.hub.api.app import api
from fieldstation.hub.instruments import events, pages

urlpatterns: list[URLPattern | URLResolver] = [
    path("", pages.dashboard, name="dashboard"),
    path("instruments/<str:gateway>/<path:instrument>", pages.instrument, name="instrument"),
    path("events", events.events, name="events"),
    path("login", accounts.sign_in, name="login"),
    path("logout", accounts.sign_out, name="logout"),
    path("healthz", health.healthz, name="healthz"),
    path("robots.txt", health.robots, name="robots"),
    path("api/v1/", api.urls),
]

handler400 = "fieldstation.hub.errorpages.bad_request"
handler403 = "fieldstation.hub.errorpages.denied"
handler404 = "fieldstation.hub.errorpages.not_found"
handler500 = "fieldstation.hub.errorpages.failed"

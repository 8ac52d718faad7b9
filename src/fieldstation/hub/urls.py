"""Addresses of the pages; the API and its addresses are in `api`."""

from __future__ import annotations

from django.urls import URLPattern, URLResolver, include, path

from fieldstation.hub import health, languages
from fieldstation.hub.accounts import views as accounts
from fieldstation.hub.api import described
from fieldstation.hub.api.app import api
from fieldstation.hub.instruments import events, pages
from fieldstation.hub.sites.tables import tables
from fieldstation.hub.stations import register
from fieldstation.hub.stations import views as stations

urlpatterns: list[URLPattern | URLResolver] = [
    # First: the old site's addresses decide who meets a page that both have.
    path("", include("fieldstation.hub.greenhouse.urls")),
    path("", pages.dashboard, name="dashboard"),
    path("instruments/<str:gateway>/<path:instrument>", pages.instrument, name="instrument"),
    path("gateways", stations.gateways, name="gateways"),
    path("add-gateway", stations.add, name="add-gateway"),
    path("gateways/<slug:gateway>", stations.gateway, name="gateway"),
    path("gateways/<slug:gateway>/pin", stations.pin, name="gateway-pin"),
    path("gateways/<slug:gateway>/key", stations.keyed, name="gateway-key"),
    path("gateways/<slug:gateway>/revoke", stations.revoke, name="gateway-revoke"),
    path("gateways/<slug:gateway>/restore", stations.restore, name="gateway-restore"),
    path("gateways/<slug:gateway>/one-machine", stations.one_machine, name="gateway-one-machine"),
    path("gateways/<slug:gateway>/remove", stations.remove, name="gateway-remove"),
    path("", include("fieldstation.hub.plots.urls")),
    path("", include("fieldstation.hub.sensors.urls")),
    path("", include("fieldstation.hub.accounts.urls")),
    path("operator/admin/", tables.urls),
    path("events", events.events, name="events"),
    path("login", accounts.sign_in, name="login"),
    path("logout", accounts.sign_out, name="logout"),
    path("healthz", health.healthz, name="healthz"),
    path("robots.txt", health.robots, name="robots"),
    path("language", languages.choose, name="language"),
    path("api/v1/register", register.register, name="register"),
    path("api/v1/", include("fieldstation.hub.legacy.urls")),
    path("api/v1/docs", described.page, name="api-docs"),
    path("api/v1/openapi.json", described.document, name="openapi"),
    path("api/v1/", api.urls),
]

handler400 = "fieldstation.hub.errorpages.bad_request"
handler403 = "fieldstation.hub.errorpages.denied"
handler404 = "fieldstation.hub.errorpages.not_found"
handler500 = "fieldstation.hub.errorpages.failed"

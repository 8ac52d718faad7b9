"""The addresses of the old site, letter for letter; both spellings where two are in use.

Source: wire-compatibility sheet, A.2. The POSTs to the post routes go past Django (`post`).
"""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse
from django.urls import URLPattern, path
from django.views.decorators.csrf import csrf_exempt

from fieldstation.hub.greenhouse import pages, people, reads, sensors, settings
from fieldstation.hub.greenhouse.answers import methods

_RANGE = "<str:start>/<str:end>/<int:interval>"


@csrf_exempt
@methods("POST")
def post_only(request: HttpRequest, **names: str) -> HttpResponse:
    """405 to whatever is no POST; a POST never comes here."""
    return HttpResponse(status=404)


urlpatterns: list[URLPattern] = [
    path("", pages.front, name="dashboard"),
    path("home", pages.home, name="old-home"),
    path("about", pages.about, name="old-about"),
    path("favicon.ico", pages.favicon, name="favicon"),
    path("old-site", settings.switches, name="old-site"),
    path("BMS", pages.bms_graph, name="old-bms"),
    path("BMS/serverside", pages.bms_picture_form, name="old-bms-serverside"),
    path("BMS/server_side", pages.bms_picture_form),
    path("BMS/serverside/picture.png", pages.bms_picture, name="old-bms-picture"),
    path("BMS/instantaneous", pages.bms_newest, name="old-bms-newest"),
    path("BMS/Instantaneous", pages.bms_newest),
    path("BMS/pins", pages.bms_pins, name="old-bms-pins"),
    path("BMS/Pins", pages.bms_pins),
    path("BMS/post-json", post_only),
    path("BMS/api/single_point/<str:date>/<str:parameter>", reads.bms_point),
    path("BMS/api/single_data_point/<str:date>/<str:parameter>", reads.bms_point),
    path(f"BMS/api/{_RANGE}/<str:parameter>", reads.bms_range),
    path("Tristar", pages.tristar_graph, name="old-tristar"),
    path("tristar", pages.tristar_graph),
    path("Tristar/ChargeSettings", pages.charge_settings, name="old-charge-settings"),
    path("Tristar/DailyValues", pages.daily_values, name="old-daily-values"),
    path("Tristar/Instantaneous", pages.tristar_newest, name="old-tristar-newest"),
    path("Tristar/post-json", post_only),
    path("Tristar/post-json/daily", post_only),
    path("Tristar/api/single_data_point/<str:date>/<str:parameter>", reads.tristar_point),
    path(f"Tristar/api/{_RANGE}/<str:parameter>", reads.tristar_range),
    path("sensors", sensors.listed, name="sensors"),
    path("sensors/", sensors.requested, name="old-sensors"),
    path("sensors/register", sensors.registered, name="sensor-register"),
    path("sensors/users/register", people.register, name="old-register"),
    path("sensors/users/login", people.login, name="old-login"),
    path("logout", people.logout, name="logout"),
    path("sensors/post-json/<str:owner>/<str:name>", post_only),
    path("sensors/get-data-by-sensor-id/<int:sensor_id>", sensors.all_rows, name="old-sensor-rows"),
    path("sensors/public-reading/<int:sensor_id>", sensors.public_reading, name="old-public"),
    path("sensors/get-sensor-json-data-by-id/<int:sensor_id>/<str:date>", reads.sensor_point),
    path(f"sensors/get-sensor-json-data-range/<int:sensor_id>/{_RANGE}", reads.sensor_range),
]

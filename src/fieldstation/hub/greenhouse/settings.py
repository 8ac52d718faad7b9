"""The page of the old site's switches, for the owners of its site; the operator sets it up."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render

from fieldstation.hub.accounts.models import User
from fieldstation.hub.greenhouse import house
from fieldstation.hub.greenhouse.answers import form, go, methods, person, signed_in
from fieldstation.hub.greenhouse.models import Greenhouse, Store

PATH = "/old-site"


@methods("GET", "POST")
@signed_in
@form
def switches(request: HttpRequest) -> HttpResponse:
    """Show and change who may read and post."""
    user = person(request)
    found = house.need_owner(user)
    if request.method == "POST":
        _change(request, found or house.set_up(), user)
        return go(PATH)
    stores = Store.objects.select_related("sensor").order_by("kind")
    return render(request, "greenhouse/switches.html", {"house": found, "stores": stores})


def _change(request: HttpRequest, found: Greenhouse, user: User) -> None:
    told = request.POST.get("posts_per_minute", "") or str(found.posts_per_minute)
    number = int(told[:9]) if told.isascii() and told.isdigit() else 0
    reads = "open_reads" in request.POST if "save" in request.POST else None
    house.switch(user, found, open_reads=reads, posts_per_minute=number)

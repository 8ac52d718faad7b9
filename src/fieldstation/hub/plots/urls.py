"""Addresses of pictures, saved plots, dashboards, share links and notes."""

from __future__ import annotations

from django.urls import URLPattern, path, re_path

from fieldstation.hub.plots import boardviews, notes, shareviews, views

_FORM = r"(?P<form>png|svg|pdf)\Z"

urlpatterns: list[URLPattern] = [
    path("plots", views.plots, name="plots"),
    re_path(rf"^plots/picture\.{_FORM}", views.picture, name="plot-picture"),
    path("plots/data.json", views.data, name="plot-data"),
    path("plots/days.json", views.days, name="plot-days"),
    path("plots/save", views.save, name="plot-save"),
    path("plots/saved/<uuid:plot>", views.saved, name="plot-saved"),
    path("plots/saved/<uuid:plot>/remove", views.remove, name="plot-remove"),
    path("plots/saved/<uuid:plot>/restore", views.restore, name="plot-restore"),
    path("plots/share", shareviews.share, name="plot-share"),
    path("plots/links", shareviews.links, name="plot-links"),
    path("plots/links/<uuid:share>/revoke", shareviews.revoke, name="plot-link-revoke"),
    path("plots/notes", notes.annotate, name="plot-annotate"),
    path("plots/notes/<int:note>/remove", notes.remove, name="plot-note-remove"),
    path("shared/<str:token>", shareviews.shared, name="shared"),
    re_path(
        rf"^shared/(?P<token>[^/]+)/picture\.{_FORM}",
        shareviews.shared_picture,
        name="shared-picture",
    ),
    path("shared/<str:token>/data.json", shareviews.shared_data, name="shared-data"),
    path("dashboards", boardviews.dashboards, name="plot-dashboards"),
    path("dashboards/add", boardviews.add, name="plot-dashboard-add"),
    path("dashboards/<uuid:board>", boardviews.dashboard, name="plot-dashboard"),
    path("dashboards/<uuid:board>/wall", boardviews.wall, name="plot-wall"),
    path("dashboards/<uuid:board>/arrange", boardviews.arrange, name="plot-arrange"),
    path("dashboards/<uuid:board>/undo", boardviews.undo, name="plot-undo"),
    path("dashboards/<uuid:board>/default", boardviews.make_default, name="plot-default"),
    path("dashboards/<uuid:board>/remove", boardviews.remove, name="plot-dashboard-remove"),
    path("dashboards/<uuid:board>/restore", boardviews.restore, name="plot-dashboard-restore"),
]

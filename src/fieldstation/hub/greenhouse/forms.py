"""The forms of the old site: same fields, choices and defaults.

Source: wire-compatibility sheet, A.8.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from fieldstation.export.picture import MARKERS, OWN_STYLE, STYLES, Look
from fieldstation.hub.greenhouse.parameters import BMS, DAILY, TRISTAR

OLD_STYLE = "fivethirtyeight"
MINUTES_FORMATS = ("%Y-%m-%dT%H:%M", "%Y-%m-%dT%H:%M:%S", "%Y-%m-%d %H:%M:%S")
LONGEST_TEXT = 200
# A century.
MOST_MINUTES = 52_560_000


def _now() -> datetime:
    return timezone.now().astimezone(UTC).replace(second=0, microsecond=0)


def _moment(label: Any) -> forms.DateTimeField:
    widget = forms.DateTimeInput(attrs={"type": "datetime-local"}, format="%Y-%m-%dT%H:%M")
    return forms.DateTimeField(
        label=label, initial=_now, input_formats=MINUTES_FORMATS, widget=widget
    )


class _Minutes(forms.IntegerField):
    """A whole number; one that no span is as long as is none, as steps of it cannot be counted."""

    def to_python(self, value: Any) -> int | None:
        number: int | None = super().to_python(value)
        if number is not None and abs(number) > MOST_MINUTES:
            raise ValidationError(self.error_messages["invalid"], code="invalid")
        return number


def _minutes(most: int | None = None) -> forms.IntegerField:
    return _Minutes(
        label=_("Interval in minutes"), initial=10, min_value=10, max_value=most, step_size=10
    )


def _text(label: Any, initial: str = "", longest: int = LONGEST_TEXT) -> forms.CharField:
    return forms.CharField(label=label, initial=initial, required=False, max_length=longest)


class SpanForm(forms.Form):
    """A span that does not end before it starts."""

    start_date = _moment(_("Start (UTC)"))
    end_date = _moment(_("End (UTC)"))

    def clean_end_date(self) -> datetime:
        """The end; an error when it comes before the start."""
        end: datetime = self.cleaned_data["end_date"]
        start = self.cleaned_data.get("start_date")
        if start is not None and end < start:
            raise ValidationError(_("The end comes before the start."))
        return end


class GraphForm(SpanForm):
    """What to draw and how. `y_axis`, the name of earlier revisions, stands for `units`."""

    field_order = ("units",)
    parameters: dict[str, str] = {}

    units = forms.ChoiceField(label=_("Parameter"))
    interval = _minutes()
    title = _text(_("Title"), "Untitled Graph")
    xlabel = _text(_("Title of the x axis"))
    ylabel = _text(_("Title of the y axis"))
    date_format = _text(_("Date format (strftime)"), "", 60)
    style = forms.ChoiceField(
        label=_("Style"),
        initial=OLD_STYLE,
        required=False,
        choices=[(name, name) for name in STYLES if name != OWN_STYLE],
    )
    tight_layout = forms.BooleanField(label=_("Tight layout"), required=False)
    logarithmic_scale = forms.BooleanField(label=_("Logarithmic scale"), required=False)
    marker = forms.ChoiceField(
        label=_("Marker"), initial="None", required=False, choices=list(MARKERS.items())
    )

    def __init__(self, data: Any = None, **options: Any) -> None:
        if data is not None and not data.get("units") and data.get("y_axis"):
            data = data.copy()
            data["units"] = data["y_axis"]
        super().__init__(data, **options)
        units = self.fields["units"]
        assert isinstance(units, forms.ChoiceField)
        units.choices = list(self.parameters.items())
        names = list(self.parameters)
        units.initial = "battery_charge" if "battery_charge" in names else names[0]

    def look(self) -> Look:
        """How the picture looks; the form has to be valid."""
        given = self.cleaned_data
        return Look(
            title=given["title"],
            x_title=given["xlabel"],
            y_title=given["ylabel"],
            date_format=given["date_format"],
            style=given["style"] or OLD_STYLE,
            tight_layout=given["tight_layout"],
            logarithmic_scale=given["logarithmic_scale"],
            marker=given["marker"] or "None",
        )


class BmsGraphForm(GraphForm):
    """The form of `/BMS`."""

    parameters = {name: one.label for name, one in BMS.items()}


class TristarGraphForm(GraphForm):
    """The form of `/Tristar`."""

    parameters = {name: one.label for name, one in {**TRISTAR, **DAILY}.items()}


class SensorRequestForm(SpanForm):
    """Which of one's own sensors to draw; `owned` are their old numbers and names."""

    field_order = ("sensors_owned",)

    sensors_owned = forms.ChoiceField(label=_("Sensor"))
    interval = _minutes(1000)
    title = _text(_("Title"))
    x_axis = _text(_("Title of the x axis"))
    y_axis = _text(_("Title of the y axis"))

    def __init__(self, owned: Iterable[tuple[str, str]], data: Any = None) -> None:
        super().__init__(data)
        field = self.fields["sensors_owned"]
        assert isinstance(field, forms.ChoiceField)
        field.choices = list(owned)


class RegisterSensorForm(forms.Form):
    """A new sensor."""

    sensor_name = forms.CharField(label=_("Name"), max_length=60)
    units = _text(_("Units"), longest=32)
    protocol = _text(_("Protocol"), longest=80)
    type = _text(_("Type"), longest=80)

    def clean_sensor_name(self) -> str:
        """The name, which stands in addresses."""
        name: str = self.cleaned_data["sensor_name"]
        if "/" in name or not name.isprintable():
            raise ValidationError(_("A name holds no slash and no control characters."))
        return name


class RegisterForm(forms.Form):
    """A new account."""

    username = forms.CharField(label=_("User name"), max_length=60)
    email = forms.EmailField(label=_("E-mail address"), max_length=60)
    password = forms.CharField(
        label=_("Password"), max_length=1024, strip=False,
        widget=forms.PasswordInput(attrs={"autocomplete": "new-password"}),
    )  # fmt: skip
    confirm_password = forms.CharField(
        label=_("Password again"), max_length=1024, strip=False,
        widget=forms.PasswordInput(attrs={"autocomplete": "new-password"}),
    )  # fmt: skip

    def clean_confirm_password(self) -> str:
        """The repetition; an error when it differs."""
        again: str = self.cleaned_data["confirm_password"]
        if again != self.cleaned_data.get("password"):
            raise ValidationError(_("The two passwords differ."))
        return again


class LoginForm(forms.Form):
    """Name and password."""

    username = forms.CharField(label=_("User name"), max_length=254)
    password = forms.CharField(
        label=_("Password"), max_length=1024, strip=False,
        widget=forms.PasswordInput(attrs={"autocomplete": "current-password"}),
    )  # fmt: skip
    remember = forms.BooleanField(label=_("Remember me"), required=False)

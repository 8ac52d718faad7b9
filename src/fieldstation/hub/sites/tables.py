"""The operator's tables under `/operator/admin/`: Django's admin over accounts, sites, gateways and
the audit log.

1. For anybody but the operator there are no such pages (test_the_tables_are_for_the_operator).
2. Nothing secret is on them: no digest, key, session or token, because a page shows only the fields
   named here (test_the_tables_show_no_secrets).
3. Nothing is made or deleted here, only what is listed as `changed` is changed, and every change is
   in the audit log (test_a_change_in_the_tables_is_in_the_log).
4. The hub keeps an operator and every site an owner (test_the_hub_keeps_an_operator).
"""

from __future__ import annotations

import zoneinfo
from collections.abc import Callable, Sequence
from typing import Any, ClassVar, TypeVar, cast

from django import forms
from django.contrib import admin
from django.core.exceptions import ValidationError
from django.db.models import Model, QuerySet
from django.http import HttpRequest
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy as later

from fieldstation.errors import BadRequest
from fieldstation.hub.accounts import leaving, sessions
from fieldstation.hub.accounts.models import User
from fieldstation.hub.accounts.operating import for_operator
from fieldstation.hub.sites import audit, people
from fieldstation.hub.sites.access import person
from fieldstation.hub.sites.models import AuditEntry, Membership, Role, Site
from fieldstation.hub.stations.models import Gateway

View = TypeVar("View", bound=Callable[..., Any])
# The hub has pages of its own for these.
NOT_HERE = {"login", "logout", "password_change", "password_change_done"}


class Tables(admin.AdminSite):
    """All tables."""

    site_header = later("Tables of the hub")
    site_title = later("fieldstation")
    index_title = later("Tables")

    def has_permission(self, request: HttpRequest) -> bool:
        """Whether these pages are for whoever asks."""
        return isinstance(request.user, User) and request.user.is_operator

    def admin_view(self, view: View, cacheable: bool = False) -> View:
        """The view for the operator, none for others."""
        return cast(View, for_operator(super().admin_view(view, cacheable)))

    def get_urls(self) -> list[Any]:
        """Django's, but for signing in and passwords."""
        return [one for one in super().get_urls() if getattr(one, "name", None) not in NOT_HERE]


tables = Tables()


class Table(admin.ModelAdmin):  # type: ignore[type-arg]  # generic in its stubs alone
    """One table. `shown` are the fields of a row's page, `changed` those that may be changed."""

    shown: ClassVar[Sequence[str]] = ()
    changed: ClassVar[Sequence[str]] = ()
    actions = None
    list_per_page = 50
    show_full_result_count = False

    def get_fields(self, request: HttpRequest, obj: Model | None = None) -> list[Any]:
        """What a page shows."""
        return list(self.shown)

    def get_readonly_fields(self, request: HttpRequest, obj: Model | None = None) -> list[str]:
        """What a page shows as text."""
        return [name for name in self.shown if name not in self.changed]

    def has_module_permission(self, request: HttpRequest) -> bool:
        """Whoever came this far."""
        return True

    def has_view_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        """Whoever came this far."""
        return True

    def has_add_permission(self, request: HttpRequest) -> bool:
        """Nobody: the hub's pages and its command line make things, with all their rules."""
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        """Nobody, likewise."""
        return False

    def has_change_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        """The operator, where anything may be changed."""
        return bool(self.changed)

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:
        """Save, and write into the audit log what it is now."""
        super().save_model(request, obj, form, change)
        if form.changed_data:
            now = ", ".join(f"{name}: {getattr(obj, name)}" for name in form.changed_data)
            site = obj if isinstance(obj, Site) else getattr(obj, "site", None)
            what = f"{obj._meta.model_name}.changed"
            audit.note(person(request), what, str(obj), site=site, detail=now)


class AccountForm(forms.ModelForm):  # type: ignore[type-arg]  # likewise
    """Who may sign in and who runs the hub."""

    def clean(self) -> dict[str, Any]:
        """Raises ValidationError when nobody would run the hub any more."""
        given = super().clean() or {}
        stays = given.get("is_operator") and given.get("is_active")
        if leaving.only_operator(self.instance) and not stays:
            raise ValidationError(_("This is the only operator; make somebody else one first."))
        return given


@admin.register(User, site=tables)
class Accounts(Table):
    """Who may sign in, and who runs the hub."""

    form = AccountForm
    shown = ("username", "email", "is_active", "is_operator", "delete_after", "created",
             "last_login")  # fmt: skip
    changed = ("is_active", "is_operator")
    list_display = ("username", "email", "is_active", "is_operator", "created")
    list_filter = ("is_active", "is_operator")
    search_fields = ("username", "email")
    ordering = ("username",)

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:
        """A closed account's sessions end."""
        super().save_model(request, obj, form, change)
        if not obj.is_active:
            sessions.end(obj.signed_in.all())


class SiteForm(forms.ModelForm):  # type: ignore[type-arg]  # likewise
    """A site's name and time zone."""

    time_zone = forms.TypedChoiceField(
        choices=lambda: [(zone, zone) for zone in sorted(zoneinfo.available_timezones())]
    )


@admin.register(Site, site=tables)
class Sites(Table):
    """Sites."""

    form = SiteForm
    shown = ("name", "slug", "time_zone", "created")
    changed = ("name", "time_zone")
    list_display = ("name", "slug", "time_zone", "created")
    search_fields = ("name", "slug")


class MembershipForm(forms.ModelForm):  # type: ignore[type-arg]  # likewise
    """A member's role."""

    def clean_role(self) -> int:
        """Raises ValidationError for the last owner."""
        role = int(self.cleaned_data["role"])
        try:
            if role < Role.OWNER:
                people.keep_an_owner(Membership.objects.get(pk=self.instance.pk))
        except BadRequest as error:
            raise ValidationError(str(error)) from error
        return role


@admin.register(Membership, site=tables)
class Memberships(Table):
    """Who belongs where."""

    form = MembershipForm
    shown = ("user", "site", "role", "since")
    changed = ("role",)
    list_display = ("user", "site", "role", "since")
    list_filter = ("role",)
    list_select_related = ("user", "site")
    search_fields = ("user__username", "site__name")
    ordering = ("user__username",)


class GatewayForm(forms.ModelForm):  # type: ignore[type-arg]  # likewise
    """The site of a gateway."""

    def clean_site(self) -> Site:
        """Raises ValidationError where another one has its name."""
        site: Site = self.cleaned_data["site"]
        others = Gateway.objects.filter(site=site, name=self.instance.name)
        if others.exclude(pk=self.instance.pk).exists():
            raise ValidationError(_("This site has a gateway of that name; rename one of them."))
        return site


@admin.register(Gateway, site=tables)
class Gateways(Table):
    """Gateways; another site is how one is moved."""

    form = GatewayForm
    shown = ("name", "slug", "site", "device", "program", "created", "keyed_at", "revoked_at",
             "last_seen")  # fmt: skip
    changed = ("site",)
    list_display = ("name", "site", "device", "program", "last_seen", "revoked_at")
    list_select_related = ("site",)
    search_fields = ("name", "slug", "site__name")

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        """Those that people know as gateways."""
        return super().get_queryset(request).filter(hidden=False)


@admin.register(AuditEntry, site=tables)
class Log(Table):
    """What was done; nobody changes it."""

    shown = ("at", "who", "what", "thing", "detail", "site")
    list_display = ("at", "who", "what", "thing", "detail", "site")
    list_select_related = ("site",)
    search_fields = ("who", "what", "thing")
    date_hierarchy = "at"

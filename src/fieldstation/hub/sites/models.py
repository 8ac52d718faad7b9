"""A site, who belongs to it, who is invited, and what people did."""

from __future__ import annotations

import uuid
from datetime import timedelta

from django.conf import settings
from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

MAIL_WAITS = timedelta(hours=1)


class Role(models.IntegerChoices):
    """What a person may do at a site; a higher one may do all that a lower one may."""

    VIEWER = 1, _("viewer")  # look, export, keep plots of one's own
    EDITOR = 2, _("editor")  # also gateways, sensors, settings, annotations
    OWNER = 3, _("owner")  # also people and the site itself


class Site(models.Model):
    """A group of gateways and sensors that the same people care for. `time_zone` is an IANA name;
    days are counted in it.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    name = models.CharField(max_length=80)
    slug = models.SlugField(max_length=64, unique=True)
    time_zone = models.CharField(max_length=64, default="UTC")
    created = models.DateTimeField(default=timezone.now, editable=False)

    class Meta:
        ordering = ["name"]

    def __str__(self) -> str:
        return self.name


class Membership(models.Model):
    """One person's role at one site."""

    site = models.ForeignKey(Site, on_delete=models.CASCADE, related_name="memberships")
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="memberships"
    )
    role = models.PositiveSmallIntegerField(choices=Role)
    since = models.DateTimeField(default=timezone.now, editable=False)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["site", "user"], name="one_role_per_person_and_site")
        ]

    def __str__(self) -> str:
        return f"{self.user}: {Role(self.role).label} of {self.site}"


class Invitation(models.Model):
    """A link that makes whoever follows it a member. Of its token only the SHA-256 is kept. `email`
    is where it was sent, empty when it was handed over otherwise.
    """

    class Mail(models.TextChoices):
        """How far its mail came; nothing when there is none."""

        WAITING = "waiting", _("waiting")
        SENT = "sent", _("sent")
        FAILED = "failed", _("failed")

    site = models.ForeignKey(Site, on_delete=models.CASCADE, related_name="invitations")
    role = models.PositiveSmallIntegerField(choices=Role)
    email = models.EmailField(max_length=254, blank=True)
    mail = models.CharField(max_length=8, choices=Mail, blank=True)
    token_hash = models.BinaryField(max_length=32, unique=True)
    invited_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, related_name="+"
    )
    created = models.DateTimeField(default=timezone.now, editable=False)
    valid_until = models.DateTimeField()
    used_at = models.DateTimeField(null=True, blank=True)

    @property
    def mail_lost(self) -> bool:
        """Whether its mail was not sent, nor will be: a mail waits for minutes at most, and for no
        restart of the hub.
        """
        late = timezone.now() - self.created > MAIL_WAITS
        return self.mail == self.Mail.FAILED or (self.mail == self.Mail.WAITING and late)

    def __str__(self) -> str:
        return f"{self.site} until {self.valid_until:%Y-%m-%d %H:%M}"


class AuditEntry(models.Model):
    """Who did what, when, to which thing. Names are kept as they were; `who` outlives its account.
    `what` is a short stable word such as `gateway.revoked`.
    """

    at = models.DateTimeField(default=timezone.now, db_index=True, editable=False)
    site = models.ForeignKey(Site, on_delete=models.SET_NULL, null=True, related_name="audit")
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, related_name="+"
    )
    who = models.CharField(max_length=64)
    what = models.CharField(max_length=64)
    thing = models.CharField(max_length=200, blank=True)
    detail = models.CharField(max_length=500, blank=True)

    class Meta:
        ordering = ["-at", "-id"]
        verbose_name_plural = _("audit entries")

    def __str__(self) -> str:
        return f"{self.at:%Y-%m-%d %H:%M} {self.who} {self.what} {self.thing}"

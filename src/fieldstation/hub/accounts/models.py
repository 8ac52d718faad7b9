"""Who may sign in and how, from where they are signed in, and how often somebody failed to."""

from __future__ import annotations

import unicodedata
from typing import Any, ClassVar

from django.contrib.auth.base_user import AbstractBaseUser, BaseUserManager
from django.db import models
from django.db.models import Q
from django.db.models.functions import Lower
from django.utils import timezone
from django.utils.translation import gettext_lazy as _


def written(name: str) -> str:
    """A user name in the one form of writing that is kept: no blanks around it, NFKC."""
    return unicodedata.normalize("NFKC", name.strip())


class Users(BaseUserManager["User"]):
    """How accounts are made and found."""

    def create_user(self, username: str, password: str | None, **fields: Any) -> User:
        """A new account with a hashed password; without one nobody can sign in to it."""
        user = self.model(username=username, **fields)
        user.set_password(password)
        user.save(using=self._db)
        return user

    def named(self, name: str) -> User | None:
        """The account with this user name or, if it looks like one, this e-mail address; case does
        not matter.
        """
        if "@" in name:
            return self.filter(email__iexact=name).first()
        either = Q(username__iexact=name) | Q(username__iexact=written(name))
        return self.filter(either).first()


class User(AbstractBaseUser):
    """One person. The user name never holds an @, so it can never be taken for somebody's
    address. The operator runs the hub and may do everything. `delete_after` is set while the
    account waits for its deletion, which can be undone until then. `language` is the code of one of
    the hub's languages, empty for what the browser asks for.
    """

    username = models.CharField(max_length=64)
    email = models.EmailField(max_length=254, blank=True)
    is_active = models.BooleanField(default=True)
    is_operator = models.BooleanField(default=False)
    delete_after = models.DateTimeField(null=True, blank=True)
    language = models.CharField(max_length=8, blank=True)
    created = models.DateTimeField(default=timezone.now, editable=False)

    objects: ClassVar[Users] = Users()

    USERNAME_FIELD = "username"
    EMAIL_FIELD = "email"
    REQUIRED_FIELDS: ClassVar[list[str]] = []

    class Meta:
        constraints = [
            models.UniqueConstraint(
                Lower("username"),
                name="one_account_per_username",
                violation_error_message=_("This user name is taken; choose another."),
            ),
            models.UniqueConstraint(
                Lower("email"),
                condition=~models.Q(email=""),
                name="one_account_per_email",
                violation_error_message=_("Another account has this e-mail address."),
            ),
            models.CheckConstraint(
                condition=~models.Q(username__contains="@"),
                name="username_is_no_address",
                violation_error_message=_("A user name holds no @ sign; choose another."),
            ),
        ]

    def __str__(self) -> str:
        return self.username


class LoginFailures(models.Model):
    """Failed attempts of one kind of source since the last quiet day. `source` is a digest, so
    names typed by mistake (passwords among them) are not kept.
    """

    source = models.CharField(max_length=64, primary_key=True)
    count = models.PositiveIntegerField()
    last = models.DateTimeField(db_index=True)
    closed_until = models.DateTimeField()

    def __str__(self) -> str:
        return f"{self.count} failures until {self.last:%Y-%m-%d %H:%M}"


class SignedIn(models.Model):
    """One session of one person: which device, from where, since when. Without its row a session
    is over.
    """

    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="signed_in")
    session = models.CharField(max_length=40, unique=True)
    device = models.CharField(max_length=120, blank=True)
    address = models.CharField(max_length=64, blank=True)
    remembered = models.BooleanField(default=False)
    since = models.DateTimeField(default=timezone.now, editable=False)
    last_used = models.DateTimeField(default=timezone.now)

    class Meta:
        ordering = ["-last_used"]

    def __str__(self) -> str:
        return f"{self.user} on {self.device or 'an unknown device'}"


class PersonalToken(models.Model):
    """A key with which a program acts for a person. Only its SHA-256 is kept; `expires` None means
    never.
    """

    class Scope(models.TextChoices):
        """What it may do of all that the person may; each may do all that those before it may."""

        READ = "read", _("read")
        WRITE = "write", _("read and write")
        # The account itself, and who may do what at sites.
        MANAGE = "manage", _("read, write, and manage account and people")

    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="tokens")
    name = models.CharField(max_length=80)
    token_hash = models.BinaryField(max_length=32, unique=True)
    scope = models.CharField(max_length=8, choices=Scope, default=Scope.READ)
    created = models.DateTimeField(default=timezone.now, editable=False)
    expires = models.DateTimeField(null=True, blank=True)
    last_used = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ["-created"]

    def __str__(self) -> str:
        return f"{self.name} of {self.user}"


class HubChoices(models.Model):
    """What the operator chose for the whole hub: one row, or none as long as nothing was chosen."""

    class SignUp(models.TextChoices):
        """Who may make an account."""

        CLOSED = "closed", _("nobody: the operator makes accounts")
        INVITED = "invited", _("who has an invitation to a site")
        OPEN = "open", _("everybody")

    sign_up = models.CharField(max_length=8, choices=SignUp, default=SignUp.CLOSED)

    def __str__(self) -> str:
        return f"sign-up: {self.sign_up}"

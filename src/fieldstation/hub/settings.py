"""Django's settings, made from two environment variables and the data folder.

FIELDSTATION_HUB_DATA  folder with `hub.sqlite3`, `series.sqlite3` and `secret.key`
FIELDSTATION_HUB_URL   address that people type; with https every cookie becomes Secure
FIELDSTATION_HUB_HOSTS further host names, separated by commas
"""

from __future__ import annotations

import os
from pathlib import Path
from urllib.parse import urlsplit

from fieldstation.hub import assets, datafolder
from fieldstation.hub.mailfile import mail_of

HERE = Path(__file__).parent
DATA = Path(os.environ.get("FIELDSTATION_HUB_DATA", "var/hub"))
HUB_URL = os.environ.get("FIELDSTATION_HUB_URL", "http://127.0.0.1:8000").rstrip("/")
_ADDRESS = urlsplit(HUB_URL)
_HTTPS = _ADDRESS.scheme == "https"
_MORE_HOSTS = [name for name in os.environ.get("FIELDSTATION_HUB_HOSTS", "").split(",") if name]

DEBUG = False
SECRET_KEY = datafolder.secret_key(DATA)
SERIES_FILE = DATA / datafolder.SERIES
ALLOWED_HOSTS = [_ADDRESS.hostname or "localhost", "localhost", "127.0.0.1", "[::1]", *_MORE_HOSTS]
CSRF_TRUSTED_ORIGINS = [f"{_ADDRESS.scheme}://{_ADDRESS.netloc}"]

INSTALLED_APPS = [
    "django.contrib.admin.apps.SimpleAdminConfig",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "fieldstation.hub.accounts",
    "fieldstation.hub.sites",
    "fieldstation.hub.stations",
    "fieldstation.hub.ledger",
    "fieldstation.hub.legacy",
    "fieldstation.hub.plots",
    "fieldstation.hub.sensors",
    "fieldstation.hub.greenhouse",
]
MIDDLEWARE = [
    # First, so that every page of an error speaks the language of who asked.
    "django.middleware.locale.LocaleMiddleware",
    "fieldstation.hub.headers.SqueezedPages",
    "fieldstation.hub.headers.guard_pages",
    "fieldstation.hub.headers.known_host",
    "fieldstation.hub.errorpages.Dressed",
    "fieldstation.hub.api.border.border",
    "django.middleware.security.SecurityMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "fieldstation.hub.accounts.sessions.watch",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "fieldstation.hub.languages.of_account",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
]
ROOT_URLCONF = "fieldstation.hub.urls"
ASGI_APPLICATION = "fieldstation.hub.asgi.application"
APPEND_SLASH = False
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [HERE / "templates"],
        "APP_DIRS": True,  # for those of the operator's tables
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
                "fieldstation.hub.languages.texts",
            ],
        },
    }
]

DATABASES = {
    "default": {
        "ENGINE": "django.db.backends.sqlite3",
        "NAME": DATA / datafolder.ACCOUNTS,
        "CONN_MAX_AGE": None,
        "OPTIONS": {
            "transaction_mode": "IMMEDIATE",
            "timeout": 10,
            "init_command": "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL;",
        },
    }
}
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

AUTH_USER_MODEL = "accounts.User"
AUTHENTICATION_BACKENDS = ["fieldstation.hub.accounts.backend.NameOrEmail"]
PASSWORD_HASHERS = [
    "fieldstation.hub.accounts.hashers.SmallArgon2",
    "django.contrib.auth.hashers.PBKDF2PasswordHasher",
]
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "django.contrib.auth.password_validation.UserAttributeSimilarityValidator"},
    {
        "NAME": "django.contrib.auth.password_validation.MinimumLengthValidator",
        "OPTIONS": {"min_length": 12},
    },
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
]
PASSWORD_RESET_TIMEOUT = 3600

_MAIL = mail_of(DATA)
EMAIL_BACKEND = _MAIL.backend
EMAIL_FILE_PATH = _MAIL.folder
EMAIL_HOST = _MAIL.host
EMAIL_PORT = _MAIL.port
EMAIL_USE_TLS = _MAIL.security == "starttls"
EMAIL_USE_SSL = _MAIL.security == "tls"
EMAIL_HOST_USER = _MAIL.user
EMAIL_HOST_PASSWORD = _MAIL.password
EMAIL_TIMEOUT = 10
DEFAULT_FROM_EMAIL = _MAIL.sender

LOGIN_URL = "login"
LOGIN_REDIRECT_URL = "dashboard"

# Sessions live in the database, so logging out or changing the password ends them at once; the
# copy in this process's memory saves the query on every request. Signed cookies cannot be ended.
SESSION_ENGINE = "django.contrib.sessions.backends.cached_db"
MESSAGE_STORAGE = "django.contrib.messages.storage.session.SessionStorage"
SESSION_COOKIE_AGE = 14 * 24 * 3600
SESSION_COOKIE_NAME = "__Host-session" if _HTTPS else "session"
SESSION_COOKIE_SECURE = _HTTPS
SESSION_COOKIE_HTTPONLY = True
SESSION_COOKIE_SAMESITE = "Lax"
CSRF_COOKIE_NAME = "__Host-csrf" if _HTTPS else "csrf"
CSRF_COOKIE_SECURE = _HTTPS
CSRF_COOKIE_HTTPONLY = True
CSRF_COOKIE_SAMESITE = "Lax"
CSRF_FAILURE_VIEW = "fieldstation.hub.errorpages.csrf_failed"

SECURE_CONTENT_TYPE_NOSNIFF = True
SECURE_REFERRER_POLICY = "same-origin"
SECURE_CROSS_ORIGIN_OPENER_POLICY = "same-origin"
SECURE_SSL_REDIRECT = _HTTPS
SECURE_REDIRECT_EXEMPT = [r"^healthz$"]
SECURE_HSTS_SECONDS = 365 * 24 * 3600 if _HTTPS else 0
# Subdomains and browsers' preload lists are not for one program on the host to decide; user names
# are unique regardless of case by a constraint that the third check does not see.
SILENCED_SYSTEM_CHECKS = ["security.W005", "security.W021", "auth.W004"]
X_FRAME_OPTIONS = "DENY"

BODY_LIMIT = 1_200_000
DATA_UPLOAD_MAX_MEMORY_SIZE = BODY_LIMIT
# Questions to the API that one person may ask at once and in every minute: a page with fifty
# pictures, drawn anew every few seconds, stays below it.
API_PER_MINUTE = 1200
DATA_UPLOAD_MAX_NUMBER_FIELDS = 200

LANGUAGE_CODE = "en"
LANGUAGES = [("en", "English"), ("de", "Deutsch"), ("es", "Español"), ("zh-hans", "简体中文")]
LANGUAGE_COOKIE_NAME = "language"
LANGUAGE_COOKIE_AGE = 365 * 24 * 3600
LANGUAGE_COOKIE_SECURE = _HTTPS
LANGUAGE_COOKIE_HTTPONLY = True
LANGUAGE_COOKIE_SAMESITE = "Lax"
LOCALE_PATHS = [HERE / "locale"]
FORMAT_MODULE_PATH = "fieldstation.hub.formats"
USE_I18N = True
USE_TZ = True
TIME_ZONE = "UTC"
STATIC_URL = assets.URL

LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {"line": {"()": "fieldstation.hub.logline.LogLine"}},
    "handlers": {"stderr": {"class": "logging.StreamHandler", "formatter": "line"}},
    "root": {"handlers": ["stderr"], "level": "WARNING"},
    # Refused requests are answers, not events; what goes wrong inside stays at level ERROR.
    "loggers": {
        "django.request": {"level": "ERROR"},
        "django.security": {"level": "ERROR"},
        # What is no HTTP is refused likewise; a line for each would let strangers fill the disk.
        "uvicorn.error": {"level": "ERROR"},
    },
}

"""Sessions from before there was a list of them: they are listed, so that nobody has to sign in
anew. From then on their time runs as that of every session.
"""

from typing import Any

from django.contrib.auth import SESSION_KEY
from django.contrib.sessions.backends.db import SessionStore
from django.db import migrations
from django.utils import timezone


def adopt(apps: Any, schema_editor: Any) -> None:
    signed_in = apps.get_model("accounts", "SignedIn").objects
    keys = apps.get_model("accounts", "User").objects.values_list("pk", flat=True)
    people = {str(pk): pk for pk in keys}
    listed = set(signed_in.values_list("session", flat=True))
    rows = apps.get_model("sessions", "Session").objects.filter(expire_date__gt=timezone.now())
    for row in rows:
        words = SessionStore().decode(row.session_data)
        whose = people.get(str(words.get(SESSION_KEY)))
        if whose is not None and row.session_key not in listed:
            kept = words.get("_session_expiry") != 0
            signed_in.create(user_id=whose, session=row.session_key, remembered=kept)


class Migration(migrations.Migration):
    dependencies = [("accounts", "0005_language"), ("sessions", "0001_initial")]

    operations = [migrations.RunPython(adopt, migrations.RunPython.noop)]

"""Gateways belong to sites. Those that exist, and the people who saw all of them, come to the first
site; the oldest account becomes the operator.
"""

from typing import Any

import django.db.models.deletion
from django.db import migrations, models

OWNER = 3


def settle(apps: Any, schema_editor: Any) -> None:
    gateways = apps.get_model("stations", "Gateway").objects.all()
    people = apps.get_model("accounts", "User").objects.order_by("created", "id")
    if not gateways.exists() and not people.exists():
        return
    site = apps.get_model("sites", "Site").objects.create(slug="home", name="Home")
    gateways.update(site=site)
    memberships = apps.get_model("sites", "Membership").objects
    memberships.bulk_create([memberships.model(site=site, user=one, role=OWNER) for one in people])
    people.filter(id=people.values_list("id", flat=True).first()).update(is_operator=True)


class Migration(migrations.Migration):
    dependencies = [
        ("accounts", "0002_operator"),
        ("sites", "0001_initial"),
        ("stations", "0002_keys_and_pins"),
    ]

    operations = [
        migrations.AddField(
            model_name="gateway",
            name="hidden",
            field=models.BooleanField(default=False, editable=False),
        ),
        migrations.AddField(
            model_name="gateway",
            name="site",
            field=models.ForeignKey(
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="gateways",
                to="sites.site",
            ),
        ),
        migrations.RunPython(settle, migrations.RunPython.noop),
        migrations.AlterField(
            model_name="gateway",
            name="site",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.PROTECT,
                related_name="gateways",
                to="sites.site",
            ),
        ),
    ]

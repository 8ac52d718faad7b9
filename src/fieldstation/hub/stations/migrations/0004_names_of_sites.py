"""A gateway's name is its own within its site; before, it was within the whole hub."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("sites", "0002_mail"), ("stations", "0003_sites")]

    operations = [
        migrations.AlterField("gateway", "name", models.CharField(max_length=80)),
        migrations.AddConstraint(
            "gateway",
            models.UniqueConstraint(fields=["site", "name"], name="one_gateway_per_name_and_site"),
        ),
    ]

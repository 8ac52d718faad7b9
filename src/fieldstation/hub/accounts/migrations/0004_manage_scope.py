"""Personal tokens that may manage the account, and people at sites."""

from __future__ import annotations

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("accounts", "0003_people")]

    operations = [
        migrations.AlterField(
            model_name="personaltoken",
            name="scope",
            field=models.CharField(
                choices=[
                    ("read", "read"),
                    ("write", "read and write"),
                    ("manage", "read, write, and manage account and people"),
                ],
                default="read",
                max_length=8,
            ),
        )
    ]

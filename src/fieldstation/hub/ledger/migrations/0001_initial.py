import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):
    initial = True

    dependencies = [
        ("stations", "0001_initial"),
    ]

    operations = [
        migrations.CreateModel(
            name="Standing",
            fields=[
                (
                    "gateway",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.CASCADE,
                        primary_key=True,
                        related_name="+",
                        serialize=False,
                        to="stations.gateway",
                    ),
                ),
                ("at_us", models.BigIntegerField()),
                ("boot", models.CharField(max_length=32)),
                ("kernel", models.CharField(max_length=64)),
                ("journal", models.CharField(max_length=16)),
                ("version", models.CharField(max_length=64)),
                ("offset_us", models.BigIntegerField()),
                ("trust", models.BigIntegerField()),
                ("backlog", models.BigIntegerField()),
                ("oldest_us", models.BigIntegerField()),
                ("pace", models.FloatField(default=0.0)),
                ("journal_bytes", models.BigIntegerField()),
                ("disk_free_bytes", models.BigIntegerField()),
                ("alarm", models.CharField(blank=True, default="", max_length=16)),
                ("alarm_text", models.CharField(blank=True, default="", max_length=1000)),
                ("alarm_us", models.BigIntegerField(default=0)),
            ],
        ),
        migrations.CreateModel(
            name="Clock",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("boot", models.CharField(max_length=32)),
                ("journal", models.CharField(max_length=16)),
                ("revision", models.BigIntegerField()),
                ("number", models.BigIntegerField()),
                ("kernel", models.CharField(max_length=1000)),
                ("mono_us", models.BigIntegerField()),
                ("utc_us", models.BigIntegerField()),
                ("error_us", models.BigIntegerField()),
                ("source", models.CharField(max_length=16)),
                (
                    "gateway",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="+",
                        to="stations.gateway",
                    ),
                ),
            ],
            options={
                "constraints": [
                    models.UniqueConstraint(
                        fields=("gateway", "boot", "number"), name="ledger_clock_key"
                    )
                ],
            },
        ),
        migrations.CreateModel(
            name="Event",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("boot", models.CharField(max_length=32)),
                ("journal", models.CharField(max_length=16)),
                ("revision", models.BigIntegerField()),
                ("origin", models.CharField(blank=True, default="", max_length=16)),
                ("number", models.BigIntegerField()),
                ("at_us", models.BigIntegerField()),
                ("utc_us", models.BigIntegerField()),
                ("mono_us", models.BigIntegerField()),
                ("what", models.CharField(max_length=1000)),
                ("text", models.CharField(max_length=1000)),
                (
                    "gateway",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="+",
                        to="stations.gateway",
                    ),
                ),
            ],
            options={
                "indexes": [models.Index(fields=["gateway", "at_us"], name="ledger_event_at")],
                "constraints": [
                    models.UniqueConstraint(
                        fields=("gateway", "origin", "boot", "number"), name="ledger_event_key"
                    )
                ],
            },
        ),
        migrations.CreateModel(
            name="Hole",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("boot", models.CharField(max_length=32)),
                ("journal", models.CharField(max_length=16)),
                ("revision", models.BigIntegerField()),
                ("number", models.BigIntegerField()),
                ("instrument", models.CharField(max_length=1000)),
                ("layout", models.CharField(blank=True, max_length=1000)),
                ("cause", models.CharField(max_length=1000)),
                ("first_utc_us", models.BigIntegerField()),
                ("last_utc_us", models.BigIntegerField()),
                ("count", models.BigIntegerField()),
                ("state", models.CharField(max_length=16)),
                (
                    "gateway",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="+",
                        to="stations.gateway",
                    ),
                ),
            ],
            options={
                "indexes": [
                    models.Index(fields=["gateway", "first_utc_us"], name="ledger_hole_first"),
                    models.Index(fields=["gateway", "last_utc_us"], name="ledger_hole_last"),
                ],
                "constraints": [
                    models.UniqueConstraint(
                        fields=("gateway", "boot", "number"), name="ledger_hole_key"
                    )
                ],
            },
        ),
        migrations.CreateModel(
            name="Journal",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("identity", models.CharField(max_length=16)),
                ("through", models.BigIntegerField(default=0)),
                ("disputed", models.BooleanField(default=False)),
                (
                    "gateway",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="+",
                        to="stations.gateway",
                    ),
                ),
            ],
            options={
                "constraints": [
                    models.UniqueConstraint(
                        fields=("gateway", "identity"), name="ledger_journal_key"
                    )
                ],
            },
        ),
        migrations.CreateModel(
            name="Refusal",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("boot", models.CharField(max_length=32)),
                ("sequence", models.BigIntegerField()),
                ("instrument", models.CharField(max_length=63)),
                ("day", models.BigIntegerField()),
                ("code", models.CharField(max_length=64)),
                ("at_us", models.BigIntegerField()),
                (
                    "gateway",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="+",
                        to="stations.gateway",
                    ),
                ),
            ],
            options={
                "indexes": [models.Index(fields=["gateway", "day"], name="ledger_refusal_day")],
                "constraints": [
                    models.UniqueConstraint(
                        fields=("gateway", "boot", "sequence"), name="ledger_refusal_key"
                    )
                ],
            },
        ),
        migrations.CreateModel(
            name="Run",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("boot", models.CharField(max_length=32)),
                ("place", models.BigIntegerField()),
                ("kernel", models.CharField(max_length=64)),
                ("version", models.CharField(max_length=64)),
                ("first_us", models.BigIntegerField()),
                ("last_us", models.BigIntegerField()),
                ("mono_us", models.BigIntegerField()),
                ("through", models.BigIntegerField(default=0)),
                ("late", models.BigIntegerField(default=0)),
                (
                    "gateway",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="+",
                        to="stations.gateway",
                    ),
                ),
            ],
            options={
                "constraints": [
                    models.UniqueConstraint(fields=("gateway", "boot"), name="ledger_run_key"),
                    models.UniqueConstraint(fields=("gateway", "place"), name="ledger_run_place"),
                ],
            },
        ),
        migrations.CreateModel(
            name="Tally",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("boot", models.CharField(max_length=32)),
                ("journal", models.CharField(max_length=16)),
                ("revision", models.BigIntegerField()),
                ("instrument", models.CharField(max_length=255)),
                ("day", models.BigIntegerField()),
                ("stored", models.BigIntegerField()),
                (
                    "gateway",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="+",
                        to="stations.gateway",
                    ),
                ),
            ],
            options={
                "constraints": [
                    models.UniqueConstraint(
                        fields=("gateway", "day", "instrument", "boot"), name="ledger_tally_key"
                    )
                ],
            },
        ),
    ]

import django.db.models.deletion
import django.utils.timezone
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):
    initial = True

    dependencies = [
        ("stations", "0003_sites"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name="Run",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("boot", models.BinaryField(max_length=16, unique=True)),
                (
                    "started",
                    models.DateTimeField(default=django.utils.timezone.now, editable=False),
                ),
            ],
        ),
        migrations.CreateModel(
            name="Sensor",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("name", models.CharField(max_length=80)),
                ("instrument", models.CharField(editable=False, max_length=63)),
                ("kind", models.CharField(blank=True, max_length=80)),
                ("protocol", models.CharField(blank=True, max_length=80)),
                ("description", models.CharField(blank=True, max_length=1000)),
                ("units", models.JSONField(blank=True, default=dict)),
                ("token_hash", models.BinaryField(max_length=32, null=True, unique=True)),
                ("token_made", models.DateTimeField(blank=True, null=True)),
                ("legacy_posts", models.BooleanField(default=False)),
                ("legacy_networks", models.CharField(blank=True, max_length=1000)),
                (
                    "created",
                    models.DateTimeField(default=django.utils.timezone.now, editable=False),
                ),
                ("deleted_at", models.DateTimeField(blank=True, null=True)),
                (
                    "gateway",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="sensors",
                        to="stations.gateway",
                    ),
                ),
                (
                    "owner",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.SET_NULL,
                        related_name="sensors",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
            ],
            options={
                "ordering": ["name", "id"],
            },
        ),
        migrations.CreateModel(
            name="Sample",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("body", models.BinaryField()),
                (
                    "sensor",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="samples",
                        to="sensors.sensor",
                    ),
                ),
            ],
        ),
        migrations.CreateModel(
            name="PostKey",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("key", models.CharField(max_length=200)),
                ("digest", models.BinaryField(max_length=16)),
                ("answer", models.JSONField()),
                ("at", models.DateTimeField(db_index=True, default=django.utils.timezone.now)),
                (
                    "sensor",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="+",
                        to="sensors.sensor",
                    ),
                ),
            ],
        ),
        migrations.CreateModel(
            name="Erasure",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("start_us", models.BigIntegerField()),
                ("end_us", models.BigIntegerField()),
                ("made", models.DateTimeField(default=django.utils.timezone.now, editable=False)),
                ("final", models.BooleanField(default=False)),
                (
                    "sensor",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="erasures",
                        to="sensors.sensor",
                    ),
                ),
            ],
            options={
                "ordering": ["-made"],
            },
        ),
        migrations.CreateModel(
            name="Document",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("at_us", models.BigIntegerField()),
                ("received_us", models.BigIntegerField()),
                ("sequence", models.BigIntegerField()),
                ("marked", models.BooleanField(default=False)),
                ("body", models.BinaryField()),
                (
                    "run",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="sensors.run",
                    ),
                ),
                (
                    "sample",
                    models.ForeignKey(
                        db_index=False,
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="sensors.sample",
                    ),
                ),
                (
                    "sensor",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="documents",
                        to="sensors.sensor",
                    ),
                ),
            ],
        ),
        migrations.CreateModel(
            name="SensorChannel",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("place", models.PositiveSmallIntegerField()),
                ("shape", models.PositiveSmallIntegerField()),
                ("path", models.CharField(max_length=250)),
                ("name", models.CharField(max_length=63)),
                ("kind", models.CharField(max_length=8)),
                ("unit", models.CharField(blank=True, max_length=32)),
                (
                    "sensor",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="channels",
                        to="sensors.sensor",
                    ),
                ),
            ],
            options={
                "ordering": ["place"],
            },
        ),
        migrations.AddConstraint(
            model_name="sensor",
            constraint=models.UniqueConstraint(
                condition=models.Q(("deleted_at", None)),
                fields=("owner", "name"),
                name="one_sensor_per_owner_and_name",
            ),
        ),
        migrations.AddConstraint(
            model_name="sensor",
            constraint=models.UniqueConstraint(
                fields=("gateway", "instrument"), name="one_sensor_per_instrument"
            ),
        ),
        migrations.AddConstraint(
            model_name="postkey",
            constraint=models.UniqueConstraint(fields=("sensor", "key"), name="one_post_per_key"),
        ),
        migrations.AddIndex(
            model_name="document",
            index=models.Index(fields=["sensor", "at_us"], name="document_by_time"),
        ),
        migrations.AddConstraint(
            model_name="sensorchannel",
            constraint=models.UniqueConstraint(
                fields=("sensor", "name"), name="one_channel_per_name"
            ),
        ),
        migrations.AddConstraint(
            model_name="sensorchannel",
            constraint=models.UniqueConstraint(
                fields=("sensor", "path"), name="one_channel_per_path"
            ),
        ),
    ]

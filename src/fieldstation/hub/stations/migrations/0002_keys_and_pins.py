import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("stations", "0001_initial")]

    operations = [
        migrations.CreateModel(
            name="Pin",
            fields=[
                (
                    "gateway",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.CASCADE,
                        primary_key=True,
                        serialize=False,
                        to="stations.gateway",
                    ),
                ),
                ("digest", models.CharField(max_length=64, unique=True)),
                ("valid_until", models.DateTimeField()),
            ],
        ),
        migrations.AddField("gateway", "device", models.CharField(blank=True, max_length=80)),
        migrations.AddField("gateway", "program", models.CharField(blank=True, max_length=80)),
        migrations.AddField("gateway", "keyed_at", models.DateTimeField(blank=True, null=True)),
        migrations.AddField(
            "gateway", "old_key_hash", models.BinaryField(max_length=32, null=True, unique=True)
        ),
        migrations.AddField(
            "gateway", "old_key_until", models.DateTimeField(blank=True, null=True)
        ),
        migrations.AlterField(
            "gateway", "key_hash", models.BinaryField(max_length=32, null=True, unique=True)
        ),
    ]

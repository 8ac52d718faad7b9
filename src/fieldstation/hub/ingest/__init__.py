"""Batches from stations come in here, past Django, and are answered with receipts."""

"""Gateways of the system before this one: they register, upload and ask as they always did."""

"""Emus BMS control unit (G1): battery management in text sentences with a checksum each."""

TITLE = "Emus battery management"

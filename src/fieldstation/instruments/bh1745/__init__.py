"""Rohm BH1745NUC: red, green, blue and clear light on I2C."""

TITLE = "BH1745 colour sensor"

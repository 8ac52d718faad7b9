"""Rohm BH1745NUC: red, green, blue and clear light on I2C."""

"""Vishay VEML7700: ambient light on I2C."""

TITLE = "VEML7700 light sensor"

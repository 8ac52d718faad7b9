"""Vishay VEML7700: ambient light on I2C."""

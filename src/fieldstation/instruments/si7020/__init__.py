"""Silicon Labs Si7020 and Si7021: humidity and temperature on I2C."""

TITLE = "Si7020 climate sensor"

"""CENTER 521 (SE521): a thermometer for four thermocouples, on USB."""

TITLE = "SE521 thermocouple meter"

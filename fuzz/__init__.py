"""Looking for bytes that a codec cannot bear."""

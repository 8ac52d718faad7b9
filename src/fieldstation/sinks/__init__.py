"""Destinations of readings, each with its own durable cursor in the journal."""

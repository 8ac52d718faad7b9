"""The hub's time-series store: one interface, several engines."""

"""Instruments as people see them: the dashboard, one page each, and what changes live."""

"""Sensors of people's own: whatever can post JSON by HTTP becomes an instrument of its site."""

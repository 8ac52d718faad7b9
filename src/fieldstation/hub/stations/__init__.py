"""Gateways: the stations that may send to this hub, and their keys."""

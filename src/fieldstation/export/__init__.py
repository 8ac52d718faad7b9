"""Readings as files for other programs. Pure text making; who reads and who writes is elsewhere."""

"""Alphasense OPC-N3: an optical particle counter on SPI."""

TITLE = "OPC-N3 particle counter"

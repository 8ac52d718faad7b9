"""Alphasense OPC-N3: an optical particle counter on SPI."""

"""Measurements of the program's figures. Not part of the package; run with `make bench`."""

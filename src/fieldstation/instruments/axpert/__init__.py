"""Voltronic Axpert, Atersa, MPP Solar PIP and their many other names: off-grid hybrid inverters
that speak PI30.
"""

TITLE = "Axpert inverter"

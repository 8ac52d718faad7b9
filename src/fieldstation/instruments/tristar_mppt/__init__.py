"""Morningstar TriStar MPPT (TS-MPPT-45 and TS-MPPT-60, 150 V): solar charge controllers that speak
Modbus.
"""

TITLE = "TriStar charge controller"

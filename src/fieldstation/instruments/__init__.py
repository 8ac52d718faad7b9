"""One folder per instrument; `registry` finds them. Nothing in here awaits, sleeps, opens a port
or logs.
"""

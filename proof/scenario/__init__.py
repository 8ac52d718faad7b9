"""Whole sites under a scripted clock: machines, instruments, wire and hub in one process. What
happens is drawn from a seed, then comes calm, then ledgers that nobody can touch are compared.
"""

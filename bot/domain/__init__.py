"""Frozen values, pure rules, state tables, the error tree and the ports: every type that rooms share lives here.

Imports the standard library only. All times are Unix milliseconds (`…_at_ms`), all money is micro-USD (`…_usd_micros`).
"""

"""Signals measured at each evaluation besides loss and score; docs/signals.md lists names and units."""

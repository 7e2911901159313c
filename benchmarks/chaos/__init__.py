"""Runs of real processes under injected faults, compared with undisturbed runs."""

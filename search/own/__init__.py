"""Trials of the user's own training function: its configuration, its code, its state and its session."""

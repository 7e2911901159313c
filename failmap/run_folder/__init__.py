"""The run folder: what a search writes, and what reads it."""

"""The failure map of a run: verdicts on all its cells, its edge, and what it says of fewer updates."""

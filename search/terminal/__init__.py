"""Output in a terminal: the live map of a run, and the list of runs."""

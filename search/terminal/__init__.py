"""What a terminal shows: the live map of a run, and the list of runs."""

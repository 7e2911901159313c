"""Which cell, recipe and seed is next, and what remains of a run."""

"""The search for the best recipe: which one is tried next, which are repeated, and whose weights are kept."""

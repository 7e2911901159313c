"""Failed trials, trained on from the state at their end, as trials of their own."""

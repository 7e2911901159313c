"""Failed trials that were on their way, trained on from the state at their end, as trials of their own."""

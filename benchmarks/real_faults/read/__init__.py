"""The half of the cases that rules may be tuned on."""

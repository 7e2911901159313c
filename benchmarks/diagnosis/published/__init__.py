"""What other tools look at, re-stated in our words on Failmap's signals, with their published parameters."""

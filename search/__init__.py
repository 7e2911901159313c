"""The driver's side: what to try next, and when to stop."""

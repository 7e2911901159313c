"""The proof that runs survive: real processes, real faults, and what each fault cost."""

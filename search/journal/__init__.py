"""The journal, which holds the truth about every decision: in the run folder, or in a database."""

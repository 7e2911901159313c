"""The journal, which holds every decision of a run: in the run folder, or in a database."""

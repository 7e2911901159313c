"""Examples of somebody's data, as their loop shows them, and the statistics that need nothing else."""

"""Plants the faults of a process; Python runs this at the start if the folder is on PYTHONPATH."""

from benchmarks.chaos.sabotage import plant

plant()

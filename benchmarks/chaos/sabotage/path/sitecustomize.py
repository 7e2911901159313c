"""Python runs this at the start of every process whose PYTHONPATH has this folder."""

from benchmarks.chaos.sabotage import plant

plant()

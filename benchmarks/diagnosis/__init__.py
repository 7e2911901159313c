"""Benchmark of the diagnosis on trainings with known causes of failure: python -m benchmarks.diagnosis."""

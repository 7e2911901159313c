"""Trainings whose cause of failure is known, and how well it is found: python -m benchmarks.diagnosis."""

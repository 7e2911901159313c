"""One training, as a worker runs it. Imports neither Ray nor Optuna."""

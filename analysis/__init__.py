"""Analysis of run folders: diagnoses, failure maps, reports. It imports neither Ray nor Optuna."""

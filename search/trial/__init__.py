"""The worker's side: one training. Knows neither Ray nor Optuna."""

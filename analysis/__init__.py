"""Reads run folders: statistics, failure maps, reports. Knows neither Ray nor Optuna."""

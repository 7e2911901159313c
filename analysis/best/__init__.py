"""Runs that look for the best recipe: their ranking, and their report."""

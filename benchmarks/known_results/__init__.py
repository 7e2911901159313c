"""Figures that are known to be right, beside ours: docs/known-results.md is made by this package."""

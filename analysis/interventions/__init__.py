"""Evaluation of interventions: which fix worked in which cell, and what a recipe that learned needed."""

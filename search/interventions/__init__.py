"""Interventions: one thing changed about a trial, to see what comes of it."""

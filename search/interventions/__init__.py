"""Interventions: trials that change one thing about another trial, to test causes and fixes."""

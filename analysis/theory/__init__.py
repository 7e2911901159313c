"""Prediction without training: which cells will learn, told from networks at their initialization.

Works on numbers alone: it needs neither torch nor the tasks and networks themselves, which `search.forecast`
looks at. docs/theory.md says what is predicted, by which formula, and how well.
"""

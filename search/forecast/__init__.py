"""Says which cells will learn, from networks at their initialization: python -m search.forecast."""

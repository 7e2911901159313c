"""Merging runs: the sources, whether they belong together, and the merged run."""

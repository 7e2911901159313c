"""Makes one run of several: what each of them left, whether they belong together, and the run they become."""

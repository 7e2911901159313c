"""Watching of trainings that Failmap did not start; the function is `failmap.watch`."""

"""Known results compared with ours. Generates docs/known-results.md."""

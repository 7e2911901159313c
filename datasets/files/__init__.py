"""The user's files: reading, checks, splits without leaks, and normalisation by the training part."""

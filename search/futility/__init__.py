"""Futility: trials whose own curve says that they will not learn within their updates are stopped."""

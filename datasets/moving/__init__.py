"""Digits that drift and bounce: where they go, how they look, and what simple guesses of them get."""

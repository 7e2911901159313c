"""The commands that users type: `failmap run`, `failmap resume`, ..."""

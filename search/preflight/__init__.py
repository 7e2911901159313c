"""Checks of a trial before it is trained: shapes, data, loss, gradients, leaks and learning rates."""

"""What can be told of a trial before it is trained: shapes, gradients, leaks, floors, reach, and more."""

"""The user's mistakes that only a task can see."""


class TaskError(ValueError):
    """A task cannot be built as asked. One line: what is wrong, where, and the nearest right thing."""

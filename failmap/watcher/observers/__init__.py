"""What is observed in a training loop. Each observer reports signals, which rules of analysis read."""

from failmap.watcher.observer import Observer

#: All observers, in the order in which they are called.
OBSERVERS: tuple[type[Observer], ...] = ()

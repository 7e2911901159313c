"""What is observed in a training loop. Each observer reports signals, which rules of analysis read."""

from failmap.watcher.observer import Observer
from failmap.watcher.observers.layers import LayerObserver
from failmap.watcher.observers.updates import UpdateObserver

#: All observers, in the order in which they are called.
OBSERVERS: tuple[type[Observer], ...] = (UpdateObserver, LayerObserver)

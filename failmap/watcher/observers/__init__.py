"""What is observed in a training loop. Each observer reports signals, which rules of analysis read."""

from failmap.watcher.observer import Observer
from failmap.watcher.observers.carried import CarriedObserver
from failmap.watcher.observers.head import HeadObserver
from failmap.watcher.observers.loop import LoopObserver
from failmap.watcher.observers.shapes import ShapeObserver

#: All observers, in the order in which they are called.
OBSERVERS: tuple[type[Observer], ...] = (HeadObserver, ShapeObserver, LoopObserver, CarriedObserver)

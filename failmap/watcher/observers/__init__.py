"""What is observed in a training loop. Each observer reports signals, which rules of analysis read."""

from failmap.watcher.observer import Observer
from failmap.watcher.observers.batches import BatchObserver
from failmap.watcher.observers.examples import ExampleObserver
from failmap.watcher.observers.padding import PaddingObserver
from failmap.watcher.observers.teacher import TeacherObserver

#: All observers, in the order in which they are called.
OBSERVERS: tuple[type[Observer], ...] = (BatchObserver, ExampleObserver, PaddingObserver, TeacherObserver)

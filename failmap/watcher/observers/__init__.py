"""What is observed in a training loop. Each observer reports signals, which rules of analysis read."""

from failmap.watcher.observer import Observer
from failmap.watcher.observers.agreement import AgreementObserver
from failmap.watcher.observers.batches import BatchObserver
from failmap.watcher.observers.carried import CarriedObserver
from failmap.watcher.observers.examples import ExampleObserver
from failmap.watcher.observers.head import HeadObserver
from failmap.watcher.observers.kept import KeptGraphObserver
from failmap.watcher.observers.layers import LayerObserver
from failmap.watcher.observers.loop import LoopObserver
from failmap.watcher.observers.padding import PaddingObserver
from failmap.watcher.observers.shapes import ShapeObserver
from failmap.watcher.observers.teacher import TeacherObserver
from failmap.watcher.observers.updates import UpdateObserver

#: All observers, in the order in which they are called.
OBSERVERS: tuple[type[Observer], ...] = (
    UpdateObserver,
    AgreementObserver,
    LayerObserver,
    HeadObserver,
    ShapeObserver,
    LoopObserver,
    CarriedObserver,
    KeptGraphObserver,
    BatchObserver,
    ExampleObserver,
    PaddingObserver,
    TeacherObserver,
)

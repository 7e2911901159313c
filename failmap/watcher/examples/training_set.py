"""The size of a training set, from how often its sequences come again."""

from statistics import median

from failmap.watcher.examples.store import Examples, ExampleStore, is_enumerable

#: Share of the batches, the latest ones, that are counted: in its first epoch no sequence comes again.
_LATE_SHARE = 1 / 3
#: Sequences seen again from which on their number means something: its standard error is then a third.
_MIN_AGAIN = 10


def updates_per_epoch(store: ExampleStore, examples: Examples) -> float | None:
    """Return the number of updates in which every training sequence comes once; None if none comes again.

    Of m sequences, m k / n are expected to be known if k of all n are (Lincoln and Petersen's estimate of a
    population from marked animals that are caught again).

    Args:
        store: What training has shown.
        examples: A sample of it.
    """
    latest = store.meetings[-max(1, round(_LATE_SHARE * len(store.meetings))) :]
    again = sum(one.again for one in latest)
    if again < _MIN_AGAIN or is_enumerable(examples.inputs):
        return None
    num_sequences = sum(one.shown * one.known for one in latest) / again
    return num_sequences / median(one.size for one in latest)

"""What the task says of its own data, and whether its splits share examples."""

from failmap.datasets.duplicates import num_shared
from failmap.datasets.input_space import is_enumerated
from failmap.datasets.task import Task
from failmap.search.preflight.finding import Finding
from failmap.search.preflight.subject import Subject

#: Training sequences that are looked at.
MAX_TRAIN = 5000
#: With more shared sequences than this share, validation measures memory of the training set.
MAX_SHARED_SHARE = 0.1


def data_notes(subject: Subject) -> Finding:
    """The task's own notes, on the size of its test set among others."""
    task = subject.task
    notes = "; ".join(task.notes)
    size, unit = len(task.validation_set().inputs), "validation sequences"
    if is_enumerated(task.config) or not notes:
        return Finding("pass", notes or "nothing that one must know", size, unit)
    return Finding("warn", notes, size, unit, "a larger test set: task.test_size, or more data")


def duplicates(subject: Subject) -> Finding:
    """Counts sequences that training, validation and test have in common."""
    task = _unsealed(subject)
    validation, test = task.validation_set(), task.test_set()
    train = task.train_batch(
        subject.config.seed, 0, min(task.num_train or MAX_TRAIN, MAX_TRAIN), progress=1.0
    )
    counts = {
        "validation in training": num_shared(validation, train),
        "test in training": num_shared(test, train),
        "test in validation": num_shared(test, validation),
    }
    shared = max(
        counts["validation in training"] / len(validation.inputs),
        counts["test in training"] / len(test.inputs),
    )
    details = {name: float(count) for name, count in counts.items()}
    unit = "of the held-out sequences stand in the training set"
    said = ", ".join(f"{count:,} {name}" for name, count in counts.items())
    if is_enumerated(task.config):
        said = "all sets hold every input that there is: learned means the whole table"
        return Finding("pass", said, shared, unit, details=details)
    if not any(counts.values()):
        return Finding("pass", "no split shares a sequence with another", 0.0, unit, details=details)
    if shared <= MAX_SHARED_SHARE:
        return Finding(
            "warn", said, shared, unit, "take the shared sequences out of the training set", details
        )
    advice = "split anew, by group or by time: validation measures what was learned by heart"
    return Finding("fail", said, shared, unit, advice, details)


def _unsealed(subject: Subject) -> Task:
    """The same task once more, its test set open: only duplicates are counted in it."""
    from failmap.datasets import build_task

    task = build_task(subject.config.task)
    task.unseal()
    return task

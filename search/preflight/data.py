"""Checks of a trial's data: input scale, test set, shared sequences, and baselines without a network."""

import math

from failmap.datasets import build_task
from failmap.datasets.baselines import measure_baselines
from failmap.datasets.config import ArrayFileConfig
from failmap.datasets.task import num_shared
from failmap.search.preflight.check import Finding, Status, Subject

#: Inputs of a larger root mean square saturate the units of a default initialization; standardised
#: features have 1.
MAX_INPUT_RMS = 5.0
#: Inputs that vary less between sequences hardly change a unit.
MIN_INPUT_SPREAD = 1e-3
#: Training sequences that are compared with the held-out ones.
MAX_TRAIN = 5000
#: If validation shares more than this of its sequences with training, it measures memorisation.
MAX_SHARED_SHARE = 0.1
#: Sequences that baselines are fitted on.
NUM_BASELINE_TRAIN = 2000


def input_scale(subject: Subject) -> Finding:
    """Check that inputs are of moderate size and vary between sequences."""
    inputs = subject.batch.inputs.double()
    largest = inputs.square().mean(dim=(0, 1)).sqrt().max().item()
    spread = inputs.std(dim=0, correction=0).max().item()
    size = f"root mean square of the largest feature {largest:.3g}"
    standardise = "standardise each feature of the inputs by the training data"

    if isinstance(subject.config.task, ArrayFileConfig) and not subject.config.task.normalise:
        standardise = f"task.normalise=true: {standardise}"

    def finding(status: Status, message: str, advice: str = "") -> Finding:
        return Finding(status, message, largest, "input units", advice)

    if not math.isfinite(largest):
        return finding("fail", "inputs are not finite", "look for gaps and infinities in the data")
    if spread == 0:
        return finding("fail", "all inputs are the same", "check how the inputs are generated or read")
    if largest > MAX_INPUT_RMS:
        return finding("warn", f"inputs are not normalised: {size}, standardised ones have 1", standardise)
    if spread < MIN_INPUT_SPREAD:
        return finding("warn", f"inputs differ by at most {spread:.2g} between sequences", standardise)
    return finding("pass", size)


def data_notes(subject: Subject) -> Finding:
    """Report the task's own notes, such as one on the size of its test set."""
    task = subject.task
    notes = "; ".join(task.notes)
    size, unit = len(task.validation_set().inputs), "validation sequences"
    if task.config.is_enumerated or not notes:
        return Finding("pass", notes or "the task has no notes", size, unit)
    advice = "a larger test set: task.test_size, or more data"
    return Finding("warn", notes, size, unit, advice, parts=tuple(task.notes))


def duplicates(subject: Subject) -> Finding:
    """Count the sequences that training, validation and test sets share."""
    # A second instance, because the trial's own test set stays sealed.
    task = build_task(subject.config.task)
    task.unseal()
    validation, test = task.validation_set(), task.test_set()
    num_train = min(task.num_train or MAX_TRAIN, MAX_TRAIN)
    train = task.train_batch(subject.config.seed, 0, num_train, progress=1.0)
    counts = {
        "validation in training": num_shared(validation, train),
        "test in training": num_shared(test, train),
        "test in validation": num_shared(test, validation),
    }
    shared_validation = counts["validation in training"] / len(validation.inputs)
    shared = max(shared_validation, counts["test in training"] / len(test.inputs))
    details = {name: float(count) for name, count in counts.items()}
    unit = "of the held-out sequences are in the training set"
    message = ", ".join(f"{count:,} {name}" for name, count in counts.items())
    if task.config.is_enumerated:
        message = "all sets hold every possible input: to learn means to learn the whole table"
        return Finding("pass", message, shared, unit, details=details)
    if not any(counts.values()):
        return Finding("pass", "the splits share no sequence", 0.0, unit, details=details)
    if shared <= MAX_SHARED_SHARE:
        advice = "remove the shared sequences from the training set"
        return Finding("warn", message, shared, unit, advice, details)
    advice = "split again, by group or by time: validation measures what was memorised"
    return Finding("fail", message, shared, unit, advice, details)


def baselines(subject: Subject) -> Finding:
    """Compare predictors without a network, such as a constant or a linear map, with the criterion."""
    task, config = subject.task, subject.config
    measured = measure_baselines(task, config.seed, NUM_BASELINE_TRAIN)
    target = subject.objective.target_metric(config.criterion.score)
    is_accuracy = task.perfect_metric > task.chance.metric
    best = (max if is_accuracy else min)(measured, key=lambda baseline: baseline.metric)
    details = {baseline.name: baseline.metric for baseline in measured}
    unit = config.task.metric_name.replace("_", " ")
    message = f"the best baseline, {best.name}, has {unit} {best.metric:.4g}; the criterion is {target:.4g}"
    is_met = best.metric >= target if is_accuracy else best.metric <= target
    if not is_met:
        return Finding("pass", message, best.metric, unit, details=details)
    advice = "a stricter criterion.score, or a task that needs memory: this one is solved without a network"
    return Finding("warn", message, best.metric, unit, advice, details)

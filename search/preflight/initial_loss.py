"""The loss before training, against what a guess blind to the input gets."""

import math

import torch

from failmap.datasets.baselines import measure_baselines
from failmap.datasets.task import Batch
from failmap.search.preflight.finding import Finding, remedies
from failmap.search.preflight.subject import Subject, constant_guess_loss, floor_on
from failmap.search.trial.loss_floor import reach_of
from failmap.search.trial.probes.batches import first_of

#: An untrained network should lose no more than outputs of zero do: this many times at most.
MAX_AGAINST_ZERO = 1.5
#: Outputs of zero should lose no more than the best constant: beyond this the targets lie far from zero.
MAX_ZERO_AGAINST_CHANCE = 20.0
#: Root mean square of targets as they are trained: a readout's first outputs are below 1.
MAX_TARGET_RMS = 10.0
#: No network does better than chance before it has learned, unless its input gives the target away.
MIN_AGAINST_CHANCE = 0.8
#: So few labels say nothing about a loss that is too good.
_ENOUGH_LABELS = 32


def initial_loss(subject: Subject) -> Finding:
    """How many times chance the loss at initialization is, and whose fault that is."""
    batch = subject.batch
    with torch.no_grad():
        outputs = subject.trace(batch, training=False).outputs
        loss = subject.objective.loss(outputs, batch).item()
        zero = subject.objective.loss(torch.zeros_like(outputs), batch).item()
        constant = constant_guess_loss(subject, batch)
    chance = subject.objective.chance_loss
    chance = constant if math.isnan(chance) else chance
    ratio = loss / chance if chance > 0 else math.nan
    said = f"loss {loss:.4g} at initialization, chance {chance:.4g}"
    details = {"loss": loss, "chance": chance, "loss_of_zero_outputs": zero}
    if not math.isfinite(loss):
        advice = "look for inputs or targets that are not finite, or a smaller initialization"
        return Finding("fail", said, ratio, "times chance", advice, details)
    if loss > MAX_AGAINST_ZERO * zero:
        ways = remedies(subject.config, "model.layer_norm=true", "a smaller initialization", "smaller inputs")
        advice = f"outputs are too large: {ways}"
        return Finding("warn", f"{said}, outputs of zero {zero:.4g}", ratio, "times chance", advice, details)
    if _target_rms(subject) > MAX_TARGET_RMS or zero > MAX_ZERO_AGAINST_CHANCE * chance > 0:
        said += f"; targets have a root mean square of {_target_rms(subject):.3g}"
        advice = "targets lie far from the first outputs: output.target_range=standardised"
        return Finding("warn", said, ratio, "times chance", advice, details)
    if subject.objective.num_labels(batch) >= _ENOUGH_LABELS and loss < MIN_AGAINST_CHANCE * min(
        chance, constant
    ):
        advice = "too good before training: does the input hold the target, or are targets all alike?"
        return Finding("warn", said, ratio, "times chance", advice, details)
    return Finding("pass", said, ratio, "times chance", details=details)


def _target_rms(subject: Subject) -> float:
    """Root mean square of the targets as they are trained; 0 for classes, which have no size."""
    if subject.objective.kind == "category":
        return 0.0
    wanted = subject.batch.targets * subject.objective.scale + subject.objective.offset
    return wanted.double().square().mean().sqrt().item()


#: Sequences that baselines are fitted on.
NUM_TRAIN = 2000


def baselines(subject: Subject) -> Finding:
    """Measures a constant, a zero input, a linear map and the like, and holds them against the criterion."""
    task, config = subject.task, subject.config
    measured = measure_baselines(task, config.seed, NUM_TRAIN)
    target = target_metric(subject)
    is_accuracy = task.perfect_metric > task.chance.metric
    best = (max if is_accuracy else min)(measured, key=lambda baseline: baseline.metric)
    details = {baseline.name: baseline.metric for baseline in measured}
    name = config.task.metric.replace("_", " ")
    message = f"the best baseline, {best.name}, gets {name} {best.metric:.4g}; learned means {target:.4g}"
    is_met = best.metric >= target if is_accuracy else best.metric <= target
    if not is_met:
        return Finding("pass", message, best.metric, name, details=details)
    advice = "a stricter criterion.score, or a task that needs memory: this one is solved without a network"
    return Finding("warn", message, best.metric, name, advice, details)


def target_metric(subject: Subject) -> float:
    """The criterion in the task's metric."""
    task, score = subject.task, subject.config.criterion.score
    if score is None:
        return task.target_metric
    return task.chance.metric + score * (task.perfect_metric - task.chance.metric)


#: Targets that a floor is worked out for: some hundredths of a second.
MAX_TARGETS = 200_000
#: A floor that takes away more than this share of what learning could gain makes it pointless.
MAX_LOST_SHARE = 0.5


@torch.no_grad()
def output_floor(subject: Subject) -> Finding:
    """The floor over all outputs, and over those that the network makes at its initialization."""
    batch = _validated_on(subject)
    found = floor_on(subject, batch)
    reach = reach_of(subject.trace(subject.batch, training=False).outputs)
    at_start = floor_on(subject, batch, reach)
    blind = constant_guess_loss(subject, batch)
    details = {
        "best_possible": found.best_possible,
        "at_initialization": at_start.loss,
        "least_output_at_initialization": reach[0],
        "largest_output_at_initialization": reach[1],
        "constant_guess": blind,
    }
    unit = f"least mean loss on {len(batch.inputs):,} validation sequences"
    if found.is_reachable:
        message = (
            f"{found.explanation}; first outputs, {reach[0]:.2g} to {reach[1]:.2g}, reach {at_start.loss:.3g}"
        )
        return Finding("pass", message, found.loss, unit, details=details)
    advice = "output.activation=none with a loss that fits: bce_with_logits for 0 .. 1, mse for numbers"
    is_pointless = not found.gap <= MAX_LOST_SHARE * (blind - found.best_possible)
    return Finding("fail" if is_pointless else "warn", found.explanation, found.loss, unit, advice, details)


def _validated_on(subject: Subject) -> Batch:
    """The validation set, or as many of its first sequences as have few enough targets."""
    validation = subject.task.validation_set()
    each = validation.targets[0].numel()
    return first_of(validation, max(1, MAX_TARGETS // each))

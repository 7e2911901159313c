"""Checks of the loss at initialization, and of the lowest loss that the output layer can reach."""

import math

import torch

from failmap.search.preflight.check import Finding, Subject, remedies
from failmap.search.trial.probes.passes import first_of

#: The loss of an untrained network over that of outputs of zero.
MAX_AGAINST_ZERO = 1.5
#: The loss of outputs of zero over that of the best constant: beyond this the targets lie far from zero.
MAX_ZERO_AGAINST_CHANCE = 20.0
#: Root mean square of the scaled targets: first outputs are below 1.
MAX_TARGET_RMS = 10.0
#: An untrained network does no better than chance, unless its input reveals the target.
MIN_AGAINST_CHANCE = 0.8
#: With fewer labels, a loss below chance is no evidence.
_MIN_LABELS = 32
#: Targets that a floor is computed from: some hundredths of a second.
MAX_TARGETS = 200_000
#: Training is pointless if the floor takes more than this share of what learning could gain.
MAX_LOST_SHARE = 0.5


def initial_loss(subject: Subject) -> Finding:
    """Compare the loss at initialization with chance, and name the reason if they differ."""
    batch, objective = subject.batch, subject.objective
    with torch.no_grad():
        outputs = subject.trace(batch, training=False).outputs
        loss = objective.loss(outputs, batch).item()
        zero = objective.loss(torch.zeros_like(outputs), batch).item()
        constant = subject.constant_guess_loss(batch)
    chance = constant if math.isnan(objective.chance_loss) else objective.chance_loss
    ratio = loss / chance if chance > 0 else math.nan
    message, unit = f"loss {loss:.4g} at initialization, chance {chance:.4g}", "times chance"
    details = {"loss": loss, "chance": chance, "loss_of_zero_outputs": zero}
    if not math.isfinite(loss):
        advice = "look for inputs or targets that are not finite, or use a smaller initialization"
        return Finding("fail", message, ratio, unit, advice, details)
    if loss > MAX_AGAINST_ZERO * zero:
        message += f", outputs of zero {zero:.4g}"
        options = "model.layer_norm=true", "a smaller initialization", "smaller inputs"
        advice = f"outputs are too large: {remedies(subject.config, *options)}"
        return Finding("warn", message, ratio, unit, advice, details)
    scaled = batch.targets * objective.head.scale + objective.head.offset
    # Classes are not scaled.
    target_rms = 0.0 if objective.kind == "category" else scaled.double().square().mean().sqrt().item()
    if target_rms > MAX_TARGET_RMS or zero > MAX_ZERO_AGAINST_CHANCE * chance > 0:
        message += f"; targets have a root mean square of {target_rms:.3g}"
        advice = "targets lie far from the first outputs: output.target_range=standardised"
        return Finding("warn", message, ratio, unit, advice, details)
    if objective.num_labels(batch) >= _MIN_LABELS and loss < MIN_AGAINST_CHANCE * min(chance, constant):
        advice = "too low before training: does the input contain the target, or are all targets alike?"
        return Finding("warn", message, ratio, unit, advice, details)
    return Finding("pass", message, ratio, unit, details=details)


@torch.no_grad()
def output_floor(subject: Subject) -> Finding:
    """Find the lowest loss of all outputs, and of those in the range that the network has initially."""
    validation = subject.task.validation_set()
    batch = first_of(validation, max(1, MAX_TARGETS // validation.targets[0].numel()))
    floor = subject.loss_floor(batch)
    low, high = (end.item() for end in subject.trace(subject.batch, training=False).outputs.aminmax())
    initial = subject.loss_floor(batch, (low, high))
    constant = subject.constant_guess_loss(batch)
    details = {
        "best_possible": floor.best_possible,
        "at_initialization": initial.loss,
        "least_output_at_initialization": low,
        "largest_output_at_initialization": high,
        "constant_guess": constant,
    }
    unit = f"least mean loss on {len(batch.inputs):,} validation sequences"
    if floor.is_reachable:
        message = f"{floor.explanation}; first outputs, {low:.2g} to {high:.2g}, reach {initial.loss:.3g}"
        return Finding("pass", message, floor.loss, unit, details=details)
    advice = "output.activation=none with a suitable loss: bce_with_logits for 0 .. 1, mse for numbers"
    is_pointless = not floor.gap <= MAX_LOST_SHARE * (constant - floor.best_possible)
    return Finding("fail" if is_pointless else "warn", floor.explanation, floor.loss, unit, advice, details)

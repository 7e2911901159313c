"""The loss before training, against what a guess blind to the input gets."""

import math

import torch

from failmap.search.preflight.finding import Finding
from failmap.search.preflight.remedies import remedies
from failmap.search.preflight.subject import Subject, constant_guess_loss

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

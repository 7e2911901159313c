"""What the output's activation, range and loss cannot go below, whatever the network."""

import torch

from failmap.datasets.task import Batch
from failmap.search.preflight.finding import Finding
from failmap.search.preflight.subject import Subject, constant_guess_loss, floor_on
from failmap.search.trial.floor import reach_of
from failmap.search.trial.probes.batches import first_of

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

"""Rules about heads that do not fit their loss, as a watched loop shows them."""

from collections.abc import Iterator

from failmap.analysis.diagnosis.diagnosis import Evidence, above
from failmap.analysis.diagnosis.series import middle, number
from failmap.analysis.diagnosis.training_curves import TrainingCurves

#: Mean squared distance of targets from the head's range, as a share of their variance, that is out of reach.
OUTSIDE_SHARE = 0.05
#: Share of a binary cross-entropy's targets outside 0..1 that is more than rounding.
NO_PROBABILITIES = 0.01

_MISFITS = {
    "softmax_before_cross_entropy": "a softmax comes before a cross-entropy, which applies its own",
    "sigmoid_before_cross_entropy": "a sigmoid comes before a cross-entropy, which wants unbounded logits",
    "activation_before_logits": "a sigmoid or softmax comes before a loss on logits, which applies its own",
    "softmax_over_one": "the softmax is over a single unit, which makes it 1 for every input",
    "softmax_over_wrong_axis": "the softmax adds up to one along another axis than that of the classes",
    "nll_without_log": "the negative log-likelihood gets outputs that are no log-probabilities",
}


def head_misfits_loss(curves: TrainingCurves) -> Iterator[Evidence]:
    """Detect a head that applies what the loss applies itself, or leaves out what it needs.

    Reads `head_misfit`, from the graph of the loss; without a threshold. UMLAUT (Schoop et al., CHI 2021) has
    the check for a softmax before a cross-entropy.
    """
    for update, name in curves.signals("head_misfit"):
        if name in _MISFITS:
            yield Evidence(_MISFITS[name], {"head_misfit": 1.0}, None, update)
            return


def targets_outside_head(curves: TrainingCurves) -> Iterator[Evidence]:
    """Detect targets that the last activation cannot produce.

    Reads `targets_outside_head`, the median over the looks.
    """
    shares = curves.signal_curve("targets_outside_head")
    share = middle(shares)
    if share > OUTSIDE_SHARE:
        head = curves.last_signal("head_activation")
        told = f"targets lie outside the range of the last {head}, by {share:.0%} of their variance"
        limit = above("targets_outside_head", share, OUTSIDE_SHARE)
        yield Evidence(told, {"targets_outside_head": share}, None, None, (limit,))


def targets_no_probabilities(curves: TrainingCurves) -> Iterator[Evidence]:
    """Detect a binary cross-entropy with targets outside 0..1, where it has no minimum."""
    for update, value in curves.signals("targets_outside_bce"):
        share = number(value)
        if share > NO_PROBABILITIES:
            told = f"{share:.0%} of the targets of a binary cross-entropy lie outside 0..1"
            limit = above("targets_outside_bce", share, NO_PROBABILITIES)
            yield Evidence(told, {"targets_outside_bce": share}, None, update, (limit,))
            return

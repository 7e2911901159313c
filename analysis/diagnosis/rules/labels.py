"""What labels have to do with the gradient, by the probes of labels."""

import math
from typing import NamedTuple

from failmap.analysis.diagnosis.diagnosis import Evidence
from failmap.analysis.diagnosis.series import largest, middle
from failmap.analysis.diagnosis.training_curves import PROGRESS_LEFT, TrainingCurves

#: Sequences whose outputs the label probes look at.
_NUM_JUDGED = 48
#: Standard errors from zero at which labels speak, by which two signals differ, and within which one is
#: silent.
LOUD, CLEAR, SILENT = 3.0, 2.0, 2.0
#: Degrees of freedom from which a scatter is worth taking, and the least that one probe may deviate.
MIN_FREEDOM, LEAST_NOISE = 6, 0.02
#: A cosine that is next to nothing, however sure it is.
NEXT_TO_NOTHING = 0.1
#: Labels of training and validation that contradict each other.
TURNED = -0.2
#: What is this small a share of another cosine is not of the same kind.
MUCH_LESS = 0.25
#: A validation skill that shuffled labels do not teach.
LEARNED = 0.2
#: Probes that are too few to compare two noisy cosines.
MIN_PROBES = 3
#: Sequences in a batch from which its labels' gradient is worth comparing.
MIN_BATCH_SIZE = 16
#: What labels add to a gradient when only rounding is left of it.
NO_DIFFERENCE = 1e-4


def labels_contradict(curves: TrainingCurves) -> tuple[Evidence, ...]:
    """What validation labels ask for is the contrary of what training labels do.

    Reads `label_agreement`: negative where following the labels of one leads away from those of the other.
    Its mean over all probes is below -0.2, and LOUD standard deviations below zero.
    """
    agreement = _voice(curves, "label_agreement")
    is_followed = curves.trained_away_from_chance or _voice(curves, "label_signal").is_heard
    if not (is_followed and agreement.cosine < TURNED and agreement.deviations < -LOUD):
        return ()
    told = (
        "following the labels of training leads away from those of validation: a cosine of "
        f"{agreement.cosine:.2g}"
    )
    return (Evidence(told, {"label_agreement": agreement.cosine}),)


def training_labels_silent(curves: TrainingCurves) -> tuple[Evidence, ...]:
    """Validation labels carry something, training labels nothing: they are shuffled.

    Reads `label_signal` and `label_signal_validation`, means over all probes, and the validation loss as a
    skill: where it has come a fifth of the way, the training labels taught it.
    """
    training, validation = _voice(curves, "label_signal"), _voice(curves, "label_signal_validation")
    is_nothing = training.deviations < SILENT or training.cosine < NEXT_TO_NOTHING
    is_silent = is_nothing and training.cosine < MUCH_LESS * validation.cosine
    if curves.measured("label_signal").size < MIN_PROBES or curves.end_validation_skill > LEARNED:
        return ()
    batch_size = curves.setting("train.batch_size", 0)
    is_small = isinstance(batch_size, int) and batch_size < MIN_BATCH_SIZE
    if not (validation.is_above(training) and is_silent) or is_small:
        return ()
    told = (
        f"the label signal is {training.cosine:.2g} in training and {validation.cosine:.2g} in validation: "
        "training labels do not belong to their inputs"
    )
    values = {"label_signal": training.cosine, "label_signal_validation": validation.cosine}
    return (Evidence(told, values),)


def labels_make_no_difference(curves: TrainingCurves) -> tuple[Evidence, ...]:
    """The loss does not look at which sequence has which label.

    Reads `label_share`: what own labels ask of the outputs beyond other labels, against the whole gradient to
    the outputs. float32 leaves 1e-7 of it. The usual bug is a loss that broadcasts (batch, 1) against
    (batch,).
    """
    shares = curves.measured("label_share")
    if not shares.size or not largest(shares) < NO_DIFFERENCE:
        return ()
    told = (
        f"labels given to other sequences change the gradient to the outputs by {largest(shares):.1g} of its "
        "size: the loss ignores which is whose"
    )
    return (Evidence(told, {"label_share": largest(shares)}),)


def labels_disagree(curves: TrainingCurves) -> tuple[Evidence, ...]:
    """Labels of training and of validation both carry something, and not the same.

    Reads `label_signal`, `label_signal_validation` and `label_agreement`, means over all probes.
    """
    training, validation = _voice(curves, "label_signal"), _voice(curves, "label_signal_validation")
    agreement = _voice(curves, "label_agreement")
    quieter = min(training.cosine, validation.cosine)
    if not (
        training.is_heard
        and validation.is_heard
        and agreement.cosine < MUCH_LESS * quieter
        and agreement.deviations < LOUD
    ):
        return ()
    told = (
        f"labels speak in training ({training.cosine:.2g}) and in validation ({validation.cosine:.2g}), and "
        f"not of the same: a cosine of {agreement.cosine:.2g}"
    )
    return (Evidence(told, {"label_signal": training.cosine, "label_agreement": agreement.cosine}),)


def labels_silent(curves: TrainingCurves) -> tuple[Evidence, ...]:
    """At chance, with a gradient that is alive, and none of it due to the labels.

    Reads `label_signal`, `label_signal_validation` and `gradient_norm`. Shalev-Shwartz et al. (2017, Failures
    of gradient-based deep learning, section 2): for parity the gradient's variance over target functions is
    exponentially small, so it says next to nothing of the one that is asked for.
    """
    is_away = curves.ends_away_from_chance or curves.trained_away_from_chance
    if is_away or curves.progress > PROGRESS_LEFT or curves.is_running:
        return ()
    training, validation = _voice(curves, "label_signal"), _voice(curves, "label_signal_validation")
    norm = middle(curves.signal_curve("gradient_norm"))
    are_heard = [one for one in (training, validation) if one.is_heard]
    if math.isnan(training.cosine) or are_heard or not norm > 0:
        return ()
    told = (
        f"a gradient of {norm:.2g}, and following the labels of some sequences does nothing for others: a "
        f"cosine of {training.cosine:.2g}"
    )
    return (Evidence(told, {"label_signal": training.cosine, "gradient_norm": norm}),)


def labels_may_be_wrong(curves: TrainingCurves) -> tuple[Evidence, ...]:
    """As `labels_silent`: labels of other sequences say as little as a function that is hard to see.

    Told as a runner-up: training tells the two apart only where it comes away from chance.
    """
    return labels_silent(curves)


def labels_heard_at_chance(curves: TrainingCurves) -> tuple[Evidence, ...]:
    """At chance, and following the labels of some sequences helps others: the way is seen, and not gone.

    Reads `label_signal` and both losses.
    """
    signal = _voice(curves, "label_signal")
    if curves.left_chance or curves.trained_away_from_chance or curves.is_running or not signal.is_heard:
        return ()
    told = f"at chance after {curves.updates[-1]:,} updates, with a label signal of {signal.cosine:.2g}"
    return (Evidence(told, {"label_signal": signal.cosine}, None, int(curves.updates[-1])),)


class _Voice(NamedTuple):
    """The mean of a label signal over all probes.

    Attributes:
        cosine: the mean.
        deviations: how many standard deviations of noise it is from zero.
        error: the standard error of the mean.
    """

    cosine: float
    deviations: float
    error: float

    def is_above(self, other: "_Voice") -> bool:
        """Whether it is there, and louder than another, by no accident."""
        apart = self.cosine - other.cosine > CLEAR * math.hypot(self.error, other.error)
        return self.deviations > CLEAR and apart

    @property
    def is_heard(self) -> bool:
        """Whether it is neither next to nothing nor within its noise."""
        return self.cosine > NEXT_TO_NOTHING and self.deviations > LOUD


def _voice(curves: TrainingCurves, name: str) -> _Voice:
    """NaN where it was not measured."""
    cosines = curves.measured(name)
    if not cosines.size:
        return _Voice(math.nan, math.nan, math.nan)
    mean, error = float(cosines.mean()), _noise(curves) / math.sqrt(cosines.size)
    return _Voice(mean, mean / error, error)


def _noise(curves: TrainingCurves) -> float:
    """How far one probe of a label signal deviates by chance.

    The cosine of two vectors of n numbers that have nothing to do with each other deviates by 1 / sqrt(n)
    from zero; n is taken for the labels of the sequences that are looked at. Where an output has many
    numbers, they are more, and it deviates by less: then the scatter of the probes about their means tells,
    pooled over all three signals.
    """
    by_step = curves.setting("task.supervision", "last") == "every_step"
    num_labels = _NUM_JUDGED * (max(curves.num_steps, 1) if by_step else 1)
    expected = 1 / math.sqrt(num_labels)
    series = [
        curves.measured(name) for name in ("label_signal", "label_signal_validation", "label_agreement")
    ]
    freedom = sum(max(cosines.size - 1, 0) for cosines in series)
    if freedom < MIN_FREEDOM:
        return expected
    squares = sum(float(((cosines - cosines.mean()) ** 2).sum()) for cosines in series if cosines.size)
    return min(expected, max(math.sqrt(squares / freedom), LEAST_NOISE))

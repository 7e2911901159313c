"""Rules about the share of the gradient that comes from the labels."""

import math
from collections.abc import Iterator
from functools import lru_cache
from typing import NamedTuple

from failmap.analysis.diagnosis.diagnosis import Evidence, below
from failmap.analysis.diagnosis.series import known, largest, middle
from failmap.analysis.diagnosis.training_curves import PROGRESS_LEFT, TrainingCurves

#: Number of sequences whose outputs the label probes read.
_NUM_PROBED = 48
#: Numbers of standard errors: from which on a signal is present, by which two signals differ, and below which
#: a signal is absent.
PRESENT, CLEAR, ABSENT = 3.0, 2.0, 2.0
#: Degrees of freedom from which on the scatter of probes is used, and the smallest noise of one probe.
MIN_FREEDOM, LEAST_NOISE = 6, 0.02
#: Cosine that is negligible even if it is significant.
NEGLIGIBLE = 0.1
#: Agreement of training and validation labels that contradict each other.
TURNED = -0.2
#: Share of another cosine below which a cosine is not comparable to it.
MUCH_LESS = 0.25
#: Validation skill that shuffled labels cannot teach.
LEARNED = 0.2
#: Number of probes needed to compare two noisy cosines.
MIN_PROBES = 3
#: Number of gradients needed to tell whether they agree.
MIN_AGREEMENTS = 8
#: Batch size from which on the gradient of its labels can be compared.
MIN_BATCH_SIZE = 16
#: Share of the labels in a gradient below which only rounding is left.
NO_DIFFERENCE = 1e-4
#: Skill below which outputs are far too large for that.
FAR_OFF = -1e4


def labels_contradict(curves: TrainingCurves) -> Iterator[Evidence]:
    """Detect validation labels that contradict training labels.

    Reads `label_agreement`: negative if following the labels of one leads away from those of the other.
    Its mean over all probes is below -0.2, and PRESENT standard deviations below zero. Of a finite training
    set only the first epochs count: what is left of labels that are memorised says nothing about others.
    """
    agreement = _signal(curves, "label_agreement", curves.num_early)
    is_followed = curves.trained_away_from_chance or _signal(curves, "label_signal").is_present
    if is_followed and agreement.cosine < TURNED and agreement.deviations < -PRESENT:
        told = (
            "following the labels of training leads away from those of validation: a cosine of "
            f"{agreement.cosine:.2g}"
        )
        limit = below("label_agreement", agreement.cosine, TURNED)
        yield Evidence(told, {"label_agreement": agreement.cosine}, limits=(limit,))


def training_labels_silent(curves: TrainingCurves) -> Iterator[Evidence]:
    """Detect shuffled training labels: validation labels have a signal, training labels have none.

    Reads `label_signal` and `label_signal_validation`, means over all probes, of which the latter must be
    PRESENT standard errors above zero, and the validation loss as a skill: if it came a fifth of the way, the
    training labels taught it.
    """
    early = curves.num_early
    training = _signal(curves, "label_signal", early)
    validation = _signal(curves, "label_signal_validation", early)
    is_nothing = training.deviations < ABSENT or training.cosine < NEGLIGIBLE
    is_silent = is_nothing and training.cosine < MUCH_LESS * validation.cosine
    if (
        known(curves.signal_curve("label_signal")[:early]).size < MIN_PROBES
        or curves.end_validation_skill > LEARNED
    ):
        return
    batch_size = curves.setting("train.batch_size", 0)
    is_small = isinstance(batch_size, int) and batch_size < MIN_BATCH_SIZE
    is_heard = validation.deviations > PRESENT and validation.is_above(training)
    if is_heard and is_silent and not is_small:
        told = (
            f"the label signal is {training.cosine:.2g} in training and {validation.cosine:.2g} in validation"
            ": training labels do not belong to their inputs"
        )
        values = {"label_signal": training.cosine, "label_signal_validation": validation.cosine}
        limit = below("label_signal", training.cosine, MUCH_LESS * validation.cosine)
        yield Evidence(told, values, limits=(limit,))


def labels_make_no_difference(curves: TrainingCurves) -> Iterator[Evidence]:
    """Detect a loss that ignores which sequence has which label.

    Reads `label_share`: the difference that own labels instead of other labels make to the gradient of
    the outputs, relative to it. float32 leaves 1e-7. The usual bug is a loss that broadcasts (batch, 1)
    against (batch,).
    """
    share = largest(curves.signal_curve("label_share"))
    # Outputs that are thousands of times too large have a gradient in which no label weighs anything.
    if share < NO_DIFFERENCE and curves.end_train_skill > FAR_OFF:
        told = (
            f"labels given to other sequences change the gradient to the outputs by {share:.1g} of "
            "its size: the loss ignores which label belongs to which sequence"
        )
        yield Evidence(told, {"label_share": share}, limits=(below("label_share", share, NO_DIFFERENCE),))


def labels_disagree(curves: TrainingCurves) -> Iterator[Evidence]:
    """Detect labels of training and of validation that both have a signal, but not the same.

    Reads `label_signal`, `label_signal_validation` and `label_agreement`, means over all probes.
    """
    training, validation = _signal(curves, "label_signal"), _signal(curves, "label_signal_validation")
    agreement = _signal(curves, "label_agreement")
    quieter = min(training.cosine, validation.cosine)
    if not (
        training.is_present
        and validation.is_present
        and agreement.cosine < MUCH_LESS * quieter
        and agreement.deviations < PRESENT
    ):
        return
    told = (
        f"labels have a signal in training ({training.cosine:.2g}) and in validation "
        f"({validation.cosine:.2g}), but not the same: a cosine of {agreement.cosine:.2g}"
    )
    values = {"label_signal": training.cosine, "label_agreement": agreement.cosine}
    limit = below("label_agreement", agreement.cosine, MUCH_LESS * quieter)
    yield Evidence(told, values, limits=(limit,))


def gradients_without_direction(curves: TrainingCurves) -> Iterator[Evidence]:
    """Detect a watched training at chance whose gradients have nothing in common from batch to batch.

    Reads `gradient_agreement`, its mean over all looks, which is within ABSENT standard errors of zero.
    It has the same reason as `labels_silent`, which is not measured in somebody's own loop, and speaks where
    no other rule explains the rest at chance.
    """
    agreement = known(curves.signal_curve("gradient_agreement"))
    is_away = curves.ends_away_from_chance or curves.trained_away_from_chance
    if is_away or curves.is_running or agreement.size < MIN_AGREEMENTS:
        return
    mean, error = float(agreement.mean()), float(agreement.std() / math.sqrt(agreement.size))
    if mean < ABSENT * error:
        told = (
            f"gradients of {agreement.size} batches have no common direction: a mean cosine of {mean:.2g} "
            f"with a standard error of {error:.2g}"
        )
        limit = below("gradient_agreement", mean, ABSENT * error)
        yield Evidence(told, {"gradient_agreement": mean}, limits=(limit,))


def labels_silent(curves: TrainingCurves) -> Iterator[Evidence]:
    """Detect a training at chance with a gradient of which nothing comes from the labels.

    Reads `label_signal`, `label_signal_validation` and `gradient_norm`. Shalev-Shwartz et al. (2017, Failures
    of gradient-based deep learning, section 2): for parity the gradient's variance over target functions is
    exponentially small, so it has almost no information about the right one.
    """
    is_away = curves.ends_away_from_chance or curves.trained_away_from_chance
    if is_away or curves.progress > PROGRESS_LEFT or curves.is_running:
        return
    training, validation = _signal(curves, "label_signal"), _signal(curves, "label_signal_validation")
    norm = middle(curves.signal_curve("gradient_norm"))
    present = [one for one in (training, validation) if one.is_present]
    if not math.isnan(training.cosine) and not present and norm > 0:
        told = (
            f"a gradient of {norm:.2g}, and following the labels of some sequences does not help others: a "
            f"cosine of {training.cosine:.2g}"
        )
        yield Evidence(told, {"label_signal": training.cosine, "gradient_norm": norm})


def labels_may_be_wrong(curves: TrainingCurves) -> Iterator[Evidence]:
    """Detect the same as `labels_silent`: wrong labels have as little signal as a function that is hard to
    learn.

    It is a runner-up, since only a training that leaves chance can separate the two.
    """
    return labels_silent(curves)


def labels_heard_at_chance(curves: TrainingCurves) -> Iterator[Evidence]:
    """Detect a training at chance although following the labels of some sequences helps others.

    Reads `label_signal` and both losses.
    """
    signal = _signal(curves, "label_signal")
    if signal.is_present and not (curves.left_chance or curves.trained_away_from_chance or curves.is_running):
        told = f"at chance after {curves.updates[-1]:,} updates, with a label signal of {signal.cosine:.2g}"
        yield Evidence(told, {"label_signal": signal.cosine}, None, curves.updates[-1])


class _Signal(NamedTuple):
    """The mean of a label signal over all probes.

    Attributes:
        cosine: The mean.
        deviations: Distance of the mean from zero, in standard errors.
        error: Standard error of the mean.
    """

    cosine: float
    deviations: float
    error: float

    def is_above(self, other: "_Signal") -> bool:
        """Return whether it is significantly above zero and above another signal."""
        apart = self.cosine - other.cosine > CLEAR * math.hypot(self.error, other.error)
        return self.deviations > CLEAR and apart

    @property
    def is_present(self) -> bool:
        """Return whether it is significant and not negligible."""
        return self.cosine > NEGLIGIBLE and self.deviations > PRESENT


@lru_cache(maxsize=4)  # Every rule about labels asks about the same training.
def _signal(curves: TrainingCurves, name: str, num_evaluations: int | None = None) -> _Signal:
    """Return the mean of a signal over the first evaluations, or over all; NaN if it was not measured."""
    cosines = known(curves.signal_curve(name)[:num_evaluations])
    if not cosines.size:
        return _Signal(math.nan, math.nan, math.nan)
    mean, error = float(cosines.mean()), _noise(curves) / math.sqrt(cosines.size)
    return _Signal(mean, mean / error, error)


@lru_cache(maxsize=1)
def _noise(curves: TrainingCurves) -> float:
    """Return the standard deviation of one probe of a label signal by chance.

    The cosine of two independent vectors of n numbers has a standard deviation of 1 / sqrt(n); n is assumed
    to be the number of probed labels. Outputs of many numbers have a smaller one, which is then estimated
    from the scatter of the probes about their means, pooled over all three signals.
    """
    by_step = curves.setting("task.supervision", "last") == "every_step"
    num_labels = _NUM_PROBED * (max(curves.num_steps, 1) if by_step else 1)
    expected = 1 / math.sqrt(num_labels)
    names = ("label_signal", "label_signal_validation", "label_agreement")
    series = [known(curves.signal_curve(name)) for name in names]
    freedom = sum(max(cosines.size - 1, 0) for cosines in series)
    if freedom < MIN_FREEDOM:
        return expected
    squares = sum(float(((cosines - cosines.mean()) ** 2).sum()) for cosines in series if cosines.size)
    return min(expected, max(math.sqrt(squares / freedom), LEAST_NOISE))

"""Rules about the data: leaks, inputs out of scale, and a finite training set that is memorised."""

from collections.abc import Iterator

from failmap.analysis.diagnosis.diagnosis import Evidence
from failmap.analysis.diagnosis.series import largest, number
from failmap.analysis.diagnosis.training_curves import TrainingCurves

#: Share of a gradient that may come from rounding.
LEAK_SHARE = 1e-6
#: A feature whose mean or deviation exceeds this is out of scale; the preflight warns at the same value.
LARGE_SCALE = 5.0
#: A feature with a smaller deviation than this is drowned by other features at first.
SMALL_SPREAD = 1e-2
#: Difference of the skills of training and validation from which on the training set counts as memorised.
GAP = 0.3
#: Near perfection the gap is small. There, validation must have this many times as much left to gain as
#: training.
SMALL_GAP, LEFT_RATIO = 0.02, 2.0
#: Best validation skill below which there was too little data to learn from: a twelfth of the way.
SAW_SOMETHING = 0.08


def leaks_across_batch(curves: TrainingCurves) -> Iterator[Evidence]:
    """Detect outputs of one sequence that depend on other sequences of its batch.

    Reads `leak_across_batch`: share of the gradient of one sequence's output that comes from the others, in
    evaluation mode, where batch norm uses stored moments. Karpathy (2019, A recipe for training neural
    networks) recommends this way to find dependencies.
    """
    share = largest(curves.signal_curve("leak_across_batch"))
    if share > LEAK_SHARE:
        told = f"{share:.2g} of the gradient of a sequence's output comes from other sequences of its batch"
        yield Evidence(told, {"leak_across_batch": share})


def leaks_from_future(curves: TrainingCurves) -> Iterator[Evidence]:
    """Detect outputs at one step that depend on later steps, in a unidirectional network.

    Reads `leak_from_future`, in the same way as `leaks_across_batch`.
    """
    share = largest(curves.signal_curve("leak_from_future"))
    if share > LEAK_SHARE:
        told = f"{share:.2g} of the gradient of an output comes from later steps"
        yield Evidence(told, {"leak_from_future": share})


def inputs_out_of_scale(curves: TrainingCurves) -> Iterator[Evidence]:
    """Detect features far from zero mean and unit scale.

    Reads `input_scale`. LeCun et al. (1998, Efficient BackProp, section 4.3) recommend a mean near zero and
    equal variances; UMLAUT (2021) warns of inputs beyond -1..1.
    """
    scale = curves.last_signal("input_scale")
    if not isinstance(scale, dict):
        return
    mean, spread = number(scale.get("largest_mean")), number(scale.get("largest_spread"))
    least_spread, entry = number(scale.get("least_spread")), number(scale.get("largest"))
    if mean > LARGE_SCALE or spread > LARGE_SCALE or spread < SMALL_SPREAD:
        told = (
            f"a feature's mean is up to {mean:.2g}, its standard deviation from {least_spread:.2g} to "
            f"{spread:.2g}, its largest entry {entry:.2g}"
        )
        yield Evidence(told, {"largest_mean": mean, "largest_spread": spread, "largest": entry})


def memorised_and_worse(curves: TrainingCurves) -> Iterator[Evidence]:
    """Detect overfitting: training improves, while validation improved and then got worse.

    Reads both losses as skills, and `epoch`. Prechelt (1998, Early stopping) calls the same measure the
    generalization loss.
    """
    skill, best = curves.end_validation_skill, largest(curves.validation_skill)
    if _is_memorised(curves) and best > SAW_SOMETHING:
        fallen = f"fell to {skill:.0%}" if skill >= 0 else f"is now {-skill:.0%} worse than chance"
        told = (
            f"after {curves.num_epochs:.0f} epochs training came {curves.end_train_skill:.0%} of the way "
            f"from chance; validation came {best:.0%} and {fallen}"
        )
        yield _memory_evidence(curves, told, best)


def memorised_at_chance(curves: TrainingCurves) -> Iterator[Evidence]:
    """Detect too little data: the training set is memorised, and validation never left chance.

    Reads both losses as skills, and `epoch`. Networks can memorise random labels (Zhang et al. 2017).
    """
    best = largest(curves.validation_skill)
    if _is_memorised(curves) and not best > SAW_SOMETHING:
        told = (
            f"after {curves.num_epochs:.0f} epochs training came {curves.end_train_skill:.0%} of the way "
            f"from chance, validation never more than {best:.0%}"
        )
        yield _memory_evidence(curves, told, best)


def _is_memorised(curves: TrainingCurves) -> bool:
    """Return whether the gap is wide or, near perfection, validation has several times as much left to
    gain."""
    left_in_training, left = 1 - curves.end_train_skill, 1 - curves.end_validation_skill
    gap = _gap(curves)
    is_wide = gap > GAP or (gap > SMALL_GAP and left > LEFT_RATIO * left_in_training)
    return curves.is_data_finite and curves.num_epochs > 2 and is_wide


def _gap(curves: TrainingCurves) -> float:
    return curves.end_train_skill - curves.end_validation_skill


def _memory_evidence(curves: TrainingCurves, told: str, best: float) -> Evidence:
    values = {"gap": _gap(curves), "best_validation_skill": best}
    return Evidence(told, values, None, curves.updates[-1])

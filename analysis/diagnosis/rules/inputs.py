"""Inputs of the wrong scale, and outputs that see inputs which they must not."""

from failmap.analysis.diagnosis.course import Course
from failmap.analysis.diagnosis.diagnosis import Evidence
from failmap.analysis.diagnosis.series import largest, number

#: A feature's mean or deviation above this is far from zero mean and unit scale. The preflight warns there
#: too.
LARGE_SCALE = 5.0
#: A feature that varies by less than this beside others says nothing at first.
SMALL_SPREAD = 1e-2
#: Share of a gradient that may come from rounding.
LEAK_SHARE = 1e-6


def leaks_across_batch(course: Course) -> tuple[Evidence, ...]:
    """Outputs of one sequence depend on other sequences of its batch.

    Reads `leak_across_batch`: share of the gradient of one sequence's output that comes from the others, in
    evaluation mode, where batch norm uses stored moments. Karpathy (2019, A recipe for training neural
    networks) charts dependencies so.
    """
    share = largest(course.measured("leak_across_batch"))
    if not share > LEAK_SHARE:
        return ()
    told = f"{share:.2g} of the gradient of a sequence's output comes from other sequences of its batch"
    return (Evidence(told, {"leak_across_batch": share}, None, None),)


def leaks_from_future(course: Course) -> tuple[Evidence, ...]:
    """Outputs at one step depend on later steps, in a network that reads one way.

    Reads `leak_from_future`; as `leaks_across_batch`.
    """
    share = largest(course.measured("leak_from_future"))
    if not share > LEAK_SHARE:
        return ()
    told = f"{share:.2g} of the gradient of an output comes from steps that are yet to come"
    return (Evidence(told, {"leak_from_future": share}, None, None),)


def inputs_out_of_scale(course: Course) -> tuple[Evidence, ...]:
    """Features far from zero mean and unit scale.

    Reads `input_scale`. LeCun et al. (1998, Efficient BackProp, section 4.3) ask for a mean near zero and
    equal variances; UMLAUT (2021) warns of inputs beyond -1..1.
    """
    scale = course.last_signal("input_scale")
    if not isinstance(scale, dict):
        return ()
    mean, spread = number(scale.get("largest_mean")), number(scale.get("largest_spread"))
    least_spread, entry = number(scale.get("least_spread")), number(scale.get("largest"))
    if not (mean > LARGE_SCALE or spread > LARGE_SCALE or spread < SMALL_SPREAD):
        return ()
    told = (
        f"a feature's mean is up to {mean:.2g}, its standard deviation from {least_spread:.2g} to "
        f"{spread:.2g}, its largest entry {entry:.2g}"
    )
    return (Evidence(told, {"largest_mean": mean, "largest_spread": spread, "largest": entry}),)

"""Rules about the examples of somebody's own data, which the watcher sampled from their loop."""

from collections.abc import Iterator

from failmap.analysis.diagnosis.diagnosis import Evidence, Limit, above, below
from failmap.analysis.diagnosis.series import middle, number
from failmap.analysis.diagnosis.training_curves import PROGRESS_LEFT, TrainingCurves

#: Share of the most frequent class from which on classes are imbalanced, and of predictions of one class.
IMBALANCED, ONE_CLASS = 0.85, 0.98
#: Accuracy, as a skill, of one that predicts one class only.
AT_CHANCE = 0.1
#: Padding: share of the sequences that end in it and of their steps, number of different lengths, share of
#: equal steps elsewhere, and share of the gradient that reaches the last step only.
PADDED_ROWS, PADDED_SHARE, MIN_LENGTHS, BLANK, LAST_STEP = 0.5, 0.2, 3, 0.3, 0.99
#: Examples from which on a test that finds no dependence means anything, the least correlation that it must
#: have been able to find, and its p from which on nothing was found.
MANY, POWERFUL, NOTHING_FOUND = 200, 0.3, 0.05
#: Correlation with another row's inputs, and with the own row's.
OTHER_ROW, OWN_ROW = 0.5, 0.25
#: R squared of a later input, and of all earlier ones.
LATER, EARLIER = 0.8, 0.3
#: Distance of outputs from the last value as a share of their error, and their error in units of that of the
#: last value.
AT_LAST_VALUE, NO_BETTER = 0.25, 0.99
#: Correlation with which changes from the last value can be predicted, and one that is not worth it: it takes
#: 4 % off the squared error.
PREDICTABLE, NEGLIGIBLE = 0.5, 0.2
#: Error of a linear forecast from a window as a share of the variance, and what earlier values leave of it.
WINDOW_ERROR, LEFT = 0.3, 0.5
#: Share of validation sequences that training shows as well: fewer are luck, more are an intention.
SHARED, ALL_SHARED = 0.2, 0.8
#: Share of the targets that are the inputs of their steps.
COPIED = 0.999
#: Share of true outputs among the inputs of training and validation, and lead of training, as a skill.
FORCED, FREE, LEAD = 0.9, 0.7, 0.3


def validation_in_training(curves: TrainingCurves) -> Iterator[Evidence]:
    """Detect validation sequences that the training set holds as well.

    Reads `shared_rows`. A validation set that is the training set as a whole is an intention, and silent, and
    so are sequences that repeat anyway (Kapoor and Narayanan 2023, Leakage and the reproducibility crisis).
    """
    share = _part(curves, "shared_rows", "share")
    if SHARED <= share <= ALL_SHARED:
        rows = _part(curves, "shared_rows", "rows")
        told = f"about {share:.0%} of {rows:.0f} validation sequences are in the training set as well"
        yield Evidence(told, {"shared_rows": share}, limits=(above("shared_rows", share, SHARED),))


def targets_are_inputs(curves: TrainingCurves) -> Iterator[Evidence]:
    """Detect targets that are the inputs of the same steps, which a network has only to pass on.

    Reads `own_input` and `layers_seen`: of one recurrent module that is called once. An autoencoder, which
    means to return its inputs, has two or calls one twice.
    """
    share, layers = number(curves.last_signal("own_input")), curves.last_signal("layers_seen")
    calls = [number(one.get("calls")) for one in layers.values()] if isinstance(layers, dict) else []
    if share >= COPIED and calls == [1]:
        told = f"{share:.1%} of the targets are the input of the same step: they are not shifted"
        yield Evidence(told, {"own_input": share}, limits=(above("own_input", share, COPIED),))


def targets_are_later_inputs(curves: TrainingCurves) -> Iterator[Evidence]:
    """Detect targets that are the inputs of the next steps, which a bidirectional network reads.

    Reads `later_input_share`.
    """
    share = number(curves.last_signal("later_input_share"))
    if share >= COPIED:
        told = f"{share:.1%} of the targets are the input of the next step, which a bidirectional layer reads"
        yield Evidence(
            told, {"later_input_share": share}, limits=(above("later_input_share", share, COPIED),)
        )


def increments_unpredictable(curves: TrainingCurves) -> Iterator[Evidence]:
    """Detect forecasts no better than the last value of a series whose changes depend on no input.

    Reads `copies_last` and `increment_dependence`: correlations of two probes with changes that were left
    out, and the least one that they would have found. Of a random walk the last value is the best forecast.
    """
    error, power = _error_of_last(curves), _part(curves, "increment_dependence", "power")
    effect = max(_part(curves, "increment_dependence", name) for name in ("linear", "neighbour"))
    if error >= NO_BETTER and effect <= NEGLIGIBLE and power <= POWERFUL:
        told = (
            f"outputs err by {error:.3g} times the error of the last input value; probes "
            f"predict the changes with a correlation of {effect:.2g} (one of {power:.2g} would have "
            "been found)"
        )
        limits = (
            above("error", error, NO_BETTER),
            below("effect", effect, NEGLIGIBLE),
            below("power", power, POWERFUL),
        )
        yield Evidence(told, {limit.name: limit.value for limit in limits}, limits=limits)


def copies_last_value(curves: TrainingCurves) -> Iterator[Evidence]:
    """Detect forecasts that repeat the last value although the changes of the series can be predicted.

    Reads `copies_last` and `increment_dependence`.
    """
    seen = _copying(curves)
    found = max(_part(curves, "increment_dependence", name) for name in ("linear", "neighbour"))
    if seen and found >= PREDICTABLE and curves.progress <= PROGRESS_LEFT:
        told = (
            f"outputs repeat the last input value and err by {seen[1].value:.3g} times its error; a simple "
            f"map of the inputs predicts the changes with a correlation of {found:.2g}"
        )
        limits = (*seen, above("increment_dependence", found, PREDICTABLE))
        yield Evidence(told, {limit.name: limit.value for limit in limits}, limits=limits)


def targets_of_another_row(curves: TrainingCurves) -> Iterator[Evidence]:
    """Detect targets that belong to the inputs of the row before or after them.

    Reads `other_row`: a probe predicts left-out targets from the neighbouring row's inputs, and not from
    their own.
    """
    other, own = _part(curves, "other_row", "other"), _part(curves, "other_row", "own")
    if other >= OTHER_ROW and own <= OWN_ROW:
        side = "after" if _part(curves, "other_row", "offset") > 0 else "before"
        told = (
            f"targets correlate with a prediction from the row {side} them by {other:.2g}, with one from "
            f"their own inputs by {own:.2g}"
        )
        limits = (above("other", other, OTHER_ROW), below("own", own, OWN_ROW))
        yield Evidence(told, {"other": other, "own": own}, limits=limits)


def targets_of_later_step(curves: TrainingCurves) -> Iterator[Evidence]:
    """Detect targets at every step that belong to a later input, in a network that reads one way.

    Reads `later_input`: R squared of linear predictions of left-out targets. A target that is the later input
    itself is a forecast.
    """
    later, earlier = _part(curves, "later_input", "later"), _part(curves, "later_input", "earlier")
    is_forecast = (curves.last_signal("later_input") or {}).get("is_input") is not False
    if not is_forecast and later >= LATER and earlier <= EARLIER:
        lag = _part(curves, "later_input", "lag")
        told = (
            f"the input at step t + {lag:.0f} predicts the target of step t with an R squared of "
            f"{later:.2g}, all inputs up to step t with {earlier:.2g}"
        )
        limits = (above("later", later, LATER), below("earlier", earlier, EARLIER))
        yield Evidence(told, {"later": later, "earlier": earlier, "lag": lag}, limits=limits)


def teacher_forced(curves: TrainingCurves) -> Iterator[Evidence]:
    """Detect a network that gets the true outputs in training, its own in validation, and fails there.

    Reads `teacher_forcing` and both losses as skills (Bengio et al. 2015, Scheduled sampling).
    """
    training = _part(curves, "teacher_forcing", "training")
    validation = _part(curves, "teacher_forcing", "validation")
    lead = curves.end_train_skill - curves.end_validation_skill
    if training >= FORCED and validation <= FREE and lead >= LEAD:
        told = (
            f"{training:.0%} of the inputs are the true outputs of the step before in training, "
            f"{validation:.0%} in validation, which is behind by {lead:.0%} of the way to perfection"
        )
        limits = (
            above("training", training, FORCED),
            below("validation", validation, FREE),
            above("lead", lead, LEAD),
        )
        yield Evidence(told, {limit.name: limit.value for limit in limits}, limits=limits)


def window_shorter_than_lag(curves: TrainingCurves) -> Iterator[Evidence]:
    """Detect windows that are too short: earlier values predict what the window leaves open.

    Reads `before_window`: errors of linear forecasts on later windows, whose series were joined from windows
    that overlap.
    """
    short, longer = (
        _part(curves, "before_window", "window_error"),
        _part(curves, "before_window", "longer_error"),
    )
    if short >= WINDOW_ERROR and longer <= LEFT * short:
        lag, window = _part(curves, "before_window", "lag"), _part(curves, "before_window", "window")
        told = (
            f"a linear forecast from windows of {window:.0f} steps leaves {short:.0%} of the variance open, "
            f"with earlier values {longer:.0%}; the value {lag:.0f} steps back adds most"
        )
        limits = (above("window_error", short, WINDOW_ERROR), below("longer_error", longer, LEFT * short))
        values = {"window_error": short, "longer_error": longer, "lag": lag, "window": window}
        yield Evidence(told, values, limits=limits)


def reads_padding(curves: TrainingCurves) -> Iterator[Evidence]:
    """Detect sequences that are padded at their ends, where the last step is read.

    Reads `padding`, medians over looks: ends of different lengths that are one constant step, which occurs
    rarely elsewhere, and a gradient that reaches the recurrent layer at its last step only.
    """
    tables = [value for _, value in curves.signals("padding") if isinstance(value, dict)]
    if not tables:
        return
    rows, share, lengths, blank, last = (
        sorted(number(table.get(name)) for table in tables)[len(tables) // 2]
        for name in ("rows", "share", "lengths", "blank", "last_step")
    )
    limits = (
        above("share", share, PADDED_SHARE),
        above("rows", rows, PADDED_ROWS),
        above("lengths", lengths, MIN_LENGTHS),
        below("blank", blank, BLANK),
        above("last_step", last, LAST_STEP),
    )
    if all(limit.holds for limit in limits):
        told = (
            f"{share:.0%} of the steps are padding at the ends of {rows:.0%} of the sequences, and the "
            "network reads its state after the last of them"
        )
        yield Evidence(told, {limit.name: limit.value for limit in limits}, limits=limits)


def one_class_only(curves: TrainingCurves) -> Iterator[Evidence]:
    """Detect imbalanced classes: nearly all predictions are the most frequent class, at chance.

    Reads `majority_share` and `predicted_majority_share`, medians over the whole training and its end (He and
    Garcia 2009, Learning from imbalanced data), and the score at the end: the loss may fall meanwhile.
    """
    majority = middle(curves.signal_curve("majority_share"))
    predicted = middle(curves.signal_curve("predicted_majority_share")[curves.end])
    score = middle(curves.score[curves.end])
    is_at_chance = score <= AT_CHANCE if curves.summary.metric == "accuracy" else not curves.left_chance
    if majority >= IMBALANCED and predicted >= ONE_CLASS and is_at_chance:
        told = f"{majority:.0%} of the targets and {predicted:.0%} of the predictions are one class"
        limits = (above("majority_share", majority, IMBALANCED), above("predicted", predicted, ONE_CLASS))
        yield Evidence(told, {"majority_share": majority, "predicted": predicted}, limits=limits)


def labels_independent(curves: TrainingCurves) -> Iterator[Evidence]:
    """Detect targets that neither a linear nor a nearest-neighbour probe relates to the inputs.

    Reads `label_dependence`, a permutation test with its power, where training and validation both stay at
    chance. A function such as parity looks the same to both probes.
    """
    p, power = _part(curves, "label_dependence", "p"), _part(curves, "label_dependence", "power")
    num_examples = _part(curves, "label_dependence", "examples")
    is_at_chance = not (curves.left_chance or curves.trained_away_from_chance)
    if is_at_chance and p >= NOTHING_FOUND and power <= POWERFUL and num_examples >= MANY:
        told = (
            f"no probe relates the targets of {num_examples:.0f} examples to their inputs (p = {p:.2g}); "
            f"it would have found a correlation of {power:.2g}"
        )
        limits = (
            above("p", p, NOTHING_FOUND),
            below("power", power, POWERFUL),
            above("examples", num_examples, MANY),
        )
        yield Evidence(told, {limit.name: limit.value for limit in limits}, limits=limits)


def labels_shuffled(curves: TrainingCurves) -> Iterator[Evidence]:
    """Detect the same: targets that lost their inputs look like targets without a signal.

    It is a runner-up of `labels_independent`.
    """
    return labels_independent(curves)


def _copying(curves: TrainingCurves) -> tuple[Limit, ...]:
    """Return the limits by which outputs repeat the last input value without being better, or nothing."""
    to_last, to_target, persistence = (
        _part(curves, "copies_last", name) for name in ("to_last", "to_target", "persistence")
    )
    if not (to_target > 0 and persistence > 0):
        return ()
    limits = (
        below("distance_from_last", to_last / to_target, AT_LAST_VALUE),
        above("error", to_target / persistence, NO_BETTER),
    )
    return limits if all(limit.holds for limit in limits) else ()


def _error_of_last(curves: TrainingCurves) -> float:
    """Return the error of the outputs in units of that of the last input values, or NaN."""
    error, persistence = (_part(curves, "copies_last", name) for name in ("to_target", "persistence"))
    return error / persistence if persistence > 0 else float("nan")


def _part(curves: TrainingCurves, signal: str, name: str) -> float:
    """Return one number of the last value of a signal that is a dict, or NaN."""
    value = curves.last_signal(signal)
    return number(value.get(name)) if isinstance(value, dict) else float("nan")

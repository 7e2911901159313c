"""Rules about shapes and axes, as a watched loop shows them."""

from collections.abc import Iterator

from failmap.analysis.diagnosis.diagnosis import Evidence
from failmap.analysis.diagnosis.training_curves import TrainingCurves


def outputs_broadcast(curves: TrainingCurves) -> Iterator[Evidence]:
    """Detect outputs and targets that were both expanded in the loss, such as (n, 1) against (n,).

    Reads `broadcast_shapes`; without a threshold, since the loss was computed in the expanded shape.
    """
    for update, (outputs, targets, expanded) in curves.lists("broadcast_shapes", 3):
        told = (
            f"outputs {tuple(outputs)} and targets {tuple(targets)} were broadcast to {tuple(expanded)}: "
            "each output is compared with other targets than its own"
        )
        yield Evidence(told, {"broadcast_shapes": 1.0}, None, update)
        return


def batch_axis_mistaken(curves: TrainingCurves) -> Iterator[Evidence]:
    """Detect a recurrent layer that takes the time axis for the batch: `batch_first` is wrong.

    Reads `batch_axis_read`, from shapes of different sizes; without a threshold.
    """
    for update, axis in curves.signals("batch_axis_read"):
        layer, shape = curves.last_signal("batch_axis_layer"), curves.last_signal("input_shape")
        why = f"there are as many outputs and targets as entries along axis {1 - axis}"
        if curves.last_signal("batch_axis_shown") == "last_batches":
            why = f"the last batches of an epoch are smaller along axis {1 - axis}"
        told = (
            f"{layer} takes axis {axis} of inputs {tuple(shape or ())} as the batch, but {why}: batch_first "
            f"must be {axis == 1}"
        )
        yield Evidence(told, {"batch_axis_read": float(axis)}, str(layer), update)
        return


def passes_one_unit(curves: TrainingCurves) -> Iterator[Evidence]:
    """Detect a hidden layer of one unit before a head of several: one number must tell all outputs apart.

    Reads `one_unit_before_head`; without a threshold.
    """
    for update, layer in curves.signals("one_unit_before_head"):
        told = f"all that the head sees is the single unit of {layer}"
        yield Evidence(told, {"one_unit_before_head": 1.0}, str(layer), update)
        return


def reshape_mixes_axes(curves: TrainingCurves) -> Iterator[Evidence]:
    """Detect a reshape that swaps the sizes of two axes where only a transpose keeps the sequences apart.

    Reads `mixing_view`; without a threshold.
    """
    for update, (before, after) in curves.lists("mixing_view", 2):
        told = (
            f"a view or reshape turns {tuple(before)} into {tuple(after)} without a transpose: entries of "
            "different sequences are mixed"
        )
        if len(before) == len(after) + 1 == 3:
            told = (
                f"outputs of {tuple(before)} were flattened without a transpose, and compared with targets "
                f"of {tuple(after)}: entries of different sequences are mixed"
            )
        yield Evidence(told, {"mixing_view": 1.0}, None, update)
        return

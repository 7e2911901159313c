"""From a file's series to three sets of windows."""

import numpy as np
import torch
from jaxtyping import Float, Float64, Int64
from torch import Tensor

from failmap.datasets.config import ArrayFileConfig
from failmap.datasets.errors import TaskError
from failmap.datasets.files.contents import SeriesSet
from failmap.datasets.files.examples import WindowedExamples
from failmap.datasets.files.forecast_levels import simple_forecasts
from failmap.datasets.files.held_out_files import Read, windows_with_files
from failmap.datasets.files.prepared import Prepared, constant_features, shortened
from failmap.datasets.files.preprocessing import Preprocessing
from failmap.datasets.files.scaling import Scaling
from failmap.datasets.files.seasons import longest_run, season_of
from failmap.datasets.files.shift import Shift
from failmap.datasets.files.split import Parts
from failmap.datasets.files.transforms import OneHot, code_features, differenced
from failmap.datasets.files.windows import Windows


def of_series(series_set: SeriesSet, config: ArrayFileConfig, read: Read) -> Prepared:
    """Cut the series of all files into windows, transform and normalise them.

    Args:
        series_set: Those of `task.path`.
        config: The task.
        read: Reads the file of another `task.path`.

    Raises:
        TaskError: The series are too short, or a setting does not fit them.
    """
    windows = windows_with_files(series_set, config, read)
    parts = shortened(windows.parts, config, "windows")
    num_targets = series_set.num_targets
    is_code = code_features(config.one_hot, series_set.features)
    if is_code[:num_targets].any():
        names = ", ".join(np.array(series_set.features)[:num_targets][is_code[:num_targets]])
        raise TaskError(f"task.one_hot: {names} is forecast: name another feature by task.target_column")
    in_training = np.unique(parts.train[:, None] + np.arange(windows.span))
    values, notes = windows.values, [*parts.notes, *series_set.notes]
    if config.differences:
        values = np.concatenate([differenced(one, is_code) for one in windows.by_series()])
    encoding = OneHot.of(values[in_training], is_code, series_set.features)
    notes += encoding.notes(values) if config.one_hot is not None else []
    values = encoding.apply(values)
    notes += constant_features(values[in_training], encoding.names)
    scaling = Scaling.of(values[in_training], is_on=config.normalise).leaving(encoding.is_code)
    inputs = torch.from_numpy(scaling.apply(values).astype(np.float32))
    levels, offset, of_targets = _levels(windows, parts, inputs, in_training, num_targets, config)
    if of_targets is None:
        of_targets = Scaling(scaling.mean[:num_targets], scaling.deviation[:num_targets])

    def examples(starts: Int64[np.ndarray, "windows"]) -> WindowedExamples:
        return WindowedExamples(
            inputs, levels, torch.from_numpy(starts), config.sequence_length, config.horizon, offset
        )

    train, validation, test = map(examples, (parts.train, parts.validation, parts.test))
    owners = np.repeat(np.arange(len(windows.lengths)), windows.lengths)
    season = season_of(windows.values[longest_run(in_training, owners[in_training]), :num_targets])
    of_validation = np.unique(parts.validation[:, None] + np.arange(config.sequence_length))
    shift = Shift.between(
        inputs[in_training].numpy(), inputs[of_validation].numpy(),
        train.labels().numpy(), validation.labels().numpy(),
    )  # fmt: skip
    if config.differences and config.forecast == "level":
        notes.append("levels are asked for and only changes are shown: task.forecast=change asks for changes")
    preprocessing = Preprocessing.of(config, encoding.names, scaling, targets=of_targets)
    return Prepared(
        train, validation, test, inputs.shape[1], num_targets, config.sequence_length, tuple(notes),
        preprocessing, shift, season, simple_forecasts(train, validation, season),
    )  # fmt: skip


def _levels(
    windows: Windows,
    parts: Parts,
    inputs: Float[Tensor, "steps features"],
    in_training: Int64[np.ndarray, "shown"],
    num_targets: int,
    config: ArrayFileConfig,
) -> tuple[Float[Tensor, "steps targets"], Float64[Tensor, "targets"] | None, Scaling | None]:
    """Return the target features in the units of the targets, what is taken from a change, and the scaling.

    The scaling is None where targets are scaled as the inputs are.

    Changes are divided by one number for all features, so that their errors weigh as those of the levels do.
    """
    if config.continues_input:
        return inputs[:, :num_targets], None, None
    values = windows.values[:, :num_targets]
    scaling = Scaling.of(values[in_training], is_on=config.normalise)
    levels = scaling.apply(values)
    if config.forecast == "level":
        return torch.from_numpy(levels.astype(np.float32)), None, scaling
    if not config.normalise:
        nothing = torch.zeros(num_targets, dtype=torch.float64)
        return torch.from_numpy(levels), nothing, Scaling(np.zeros(num_targets), np.ones(num_targets))
    last = parts.train + config.sequence_length - 1
    changes = [levels[last + ahead] - levels[last] for ahead in range(1, config.horizon + 1)]
    mean = np.mean(changes, axis=(0, 1))
    deviation = float(np.sqrt(np.square(changes - mean).mean())) or 1.0
    # A target is (change of the raw value - mean) / deviation of these.
    of_changes = Scaling(scaling.deviation * mean, scaling.deviation * deviation)
    return torch.from_numpy(levels / deviation), torch.from_numpy(mean / deviation), of_changes

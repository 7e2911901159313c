"""Baselines: simple predictors measured on the validation set of any task."""

from typing import NamedTuple

import torch
from jaxtyping import Bool, Float, Shaped
from torch import Tensor
from torch.nn import functional

from failmap.datasets.files.class_metrics import class_metric
from failmap.datasets.task import Batch, Task

#: Numbers of inputs and targets that a linear map is fitted to at most: a second or two on one core.
_MAX_ENTRIES = 20_000_000
#: Fewer sequences than this make no baseline.
_LEAST_SEQUENCES = 10
#: No guess is more certain than this: a certain one that is wrong would cost without bound.
_LEAST_PROBABILITY = 1e-3
_BATCH_SIZE = 100
#: Penalties that are tried, as shares of the mean squared length of an example.
PENALTIES = (1e-5, 1e-3, 1e-1, 10.0)
#: One example of so many chooses the penalty.
_HELD_OUT = 5


class Baseline(NamedTuple):
    """Result of a simple predictor on the validation set.

    Attributes:
        name: 'constant', 'last value' or 'linear'.
        metric: The task's: accuracy, or mean squared error.
        loss: The natural one: nats for labels and shares, else mean squared error.
    """

    name: str
    metric: float
    loss: float


class _Labelled(NamedTuple):
    """Sequences padded to one length, with their labels.

    Attributes:
        inputs: Padded with zeros.
        last: The last step of each sequence.
        labels: One for a sequence, or one for each step that has a label; with the outputs of each label
            last, unless it is a class.
        is_label: Which labels are asked for; the others are padding.
    """

    inputs: Float[Tensor, "batch time features"]
    last: Float[Tensor, "batch features"]
    labels: Shaped[Tensor, "batch label *outputs"]
    is_label: Bool[Tensor, "batch label"]


def measure_baselines(task: Task, seed: int = 0, num_train: int = 2000) -> list[Baseline]:
    """Fit simple predictors on training sequences and measure them on the validation set.

    `constant` guesses the most frequent label, or the mean, of each labelled step. `last value` repeats the
    last step of the input, if the targets continue it. `linear` is a ridge regression from the
    whole input to all labels, for classes from their one-hot codes; it is left out where frames are so large
    that too few sequences fit in memory.

    Args:
        task: Any task.
        seed: Of the training sequences.
        num_train: Training sequences that the predictors see, at most.
    """
    train = _training(task, seed, num_train)
    validation = _labelled(task, task.validation_set())
    is_category = task.config.target_kind == "category"
    codes = (functional.one_hot(train.labels, task.output_size) if is_category else train.labels).float()
    weights = train.is_label.float().view(*train.is_label.shape, *[1] * (codes.ndim - 2))
    mean = (codes * weights).sum(0) / weights.sum(0).clamp(min=1)
    guesses = {"constant": mean.expand(len(validation.labels), *mean.shape)}
    if task.config.continues_input:
        last = validation.last[:, None, : task.output_size]
        if last.shape[-1] == task.output_size:
            guesses["last value"] = last.expand_as(validation.labels)
    # A label that is not asked for counts as the mean, and so pulls the map nowhere.
    filled = torch.where(weights > 0, codes, mean)
    num_fitted = min(len(codes), _MAX_ENTRIES // (train.inputs[0].numel() + mean.numel()))
    if num_fitted >= _LEAST_SEQUENCES:
        ridge = Ridge.fit(train.inputs[:num_fitted].flatten(1), filled[:num_fitted].flatten(1))
        guesses["linear"] = ridge.predict(validation.inputs.flatten(1)).view(-1, *mean.shape)
    return [Baseline(name, *_measured(task, guess, validation)) for name, guess in guesses.items()]


def _training(task: Task, seed: int, num_train: int) -> _Labelled:
    """Return the first training sequences, at the lengths of the end of training."""
    wanted = min(num_train, task.num_train or num_train)
    size = min(wanted, _BATCH_SIZE)
    batches = [
        _labelled(task, task.train_batch(seed, update, size, progress=1.0))
        for update in range(-(-wanted // size))
    ]
    return _Labelled(*(torch.cat(parts)[:wanted] for parts in zip(*batches, strict=True)))


def _labelled(task: Task, batch: Batch) -> _Labelled:
    """Return a batch on the CPU, padded to the task's longest input."""
    inputs, targets = batch.inputs.detach().cpu(), batch.targets.cpu()
    num_sequences, num_steps = inputs.shape[:2]
    lengths = torch.full((num_sequences,), num_steps) if batch.lengths is None else batch.lengths
    last = inputs[torch.arange(num_sequences), lengths - 1]
    missing = task.num_steps - num_steps
    inputs = functional.pad(inputs, (0, 0, 0, missing))
    layout = task.config.target_layout
    labels = targets[:, None] if layout == "sequence" else targets
    if layout == "step":
        labels = functional.pad(labels, (*[0, 0] * (labels.ndim - 2), 0, missing))
        is_label = torch.arange(task.num_steps) < lengths[:, None]
    else:
        is_label = torch.ones(labels.shape[:2], dtype=torch.bool)
    if task.config.target_kind in ("number", "share") and task.output_size == 1:
        labels = labels[..., None]
    return _Labelled(inputs, last, labels, is_label)


def _measured(
    task: Task, guess: Float[Tensor, "batch label *codes"], wanted: _Labelled
) -> tuple[float, float]:
    """Return metric and natural loss of a guess: values, or probabilities of classes, of a 1, or of white."""
    is_counted = wanted.is_label.clone()
    is_counted[:, : task.counted_from] = False
    kind, labels = task.config.target_kind, wanted.labels
    if kind == "number":
        error = _mean((guess - labels).double().square(), wanted.is_label)
        return error, error
    probabilities = guess.double().clamp(_LEAST_PROBABILITY, 1 - _LEAST_PROBABILITY)
    if kind == "category":
        probabilities = probabilities / probabilities.sum(-1, keepdim=True)
        nats = -probabilities.gather(-1, labels[..., None]).squeeze(-1).log()
        metric = task.config.metric_name
        assert metric != "mean_squared_error", "classes have no error"
        found = class_metric(metric, guess[is_counted], labels[is_counted]).item()
        return found, _mean(nats, wanted.is_label)
    nats = functional.binary_cross_entropy(probabilities, labels.double(), reduction="none")
    if kind == "binary":
        right = ((guess > 0.5) == (labels > 0.5)).double()
        return _mean(right, is_counted), _mean(nats, wanted.is_label)
    return _mean((guess - labels).double().square(), is_counted), _mean(nats, wanted.is_label)


def _mean(values: Float[Tensor, "batch label *outputs"], is_counted: Bool[Tensor, "batch label"]) -> float:
    return values[is_counted].mean().item()


class Ridge(NamedTuple):
    """Ridge regression in its dual form, with a weight for each example.

    So its cost goes with the features only linearly (Saunders et al. 1998).
    """

    examples: Float[Tensor, "examples features"]
    mean: Float[Tensor, "features"]
    deviation: Float[Tensor, "features"]
    weights: Float[Tensor, "examples outputs"]
    offset: Float[Tensor, "outputs"]

    @classmethod
    def fit(
        cls, inputs: Float[Tensor, "examples features"], targets: Float[Tensor, "examples outputs"]
    ) -> "Ridge":
        """Fit with the penalty that does best on a held-out fifth of the examples."""
        num_held_out = len(inputs) // _HELD_OUT
        asked, seen = slice(num_held_out), slice(num_held_out, None)

        def held_out_error(penalty: float) -> float:
            predicted = cls._fit(inputs[seen], targets[seen], penalty).predict(inputs[asked])
            return (predicted - targets[asked]).square().mean().item()

        penalty = min(PENALTIES, key=held_out_error) if num_held_out else PENALTIES[1]
        return cls._fit(inputs, targets, penalty)

    @classmethod
    def _fit(
        cls,
        inputs: Float[Tensor, "examples features"],
        targets: Float[Tensor, "examples outputs"],
        penalty: float,
    ) -> "Ridge":
        mean, deviation = inputs.mean(0), inputs.std(0, correction=0)
        deviation = torch.where(deviation > 0, deviation, 1.0)
        examples, offset = (inputs - mean) / deviation, targets.mean(0)
        # In single precision, rounding outweighs a small penalty where examples repeat each other.
        products = examples.double() @ examples.double().T
        size = products.diagonal().mean().clamp(min=1e-12)
        regular = products + penalty * size * torch.eye(len(products), dtype=torch.float64)
        weights = torch.cholesky_solve((targets - offset).double(), torch.linalg.cholesky(regular))
        return cls(examples, mean, deviation, weights.float(), offset)

    def predict(self, inputs: Float[Tensor, "asked features"]) -> Float[Tensor, "asked outputs"]:
        """Return the predictions for inputs."""
        similarity = ((inputs - self.mean) / self.deviation) @ self.examples.T
        return similarity @ self.weights + self.offset

"""What blind guessing gets, from the targets that a loop shows: the metric and the loss at chance."""

import math
from dataclasses import dataclass
from typing import Any, Literal

import torch
from torch import Tensor

from failmap.run_folder.metrics import is_larger_better
from failmap.watcher.losses import LossName, loss_name, value_of

TargetKind = Literal["category", "binary", "number", "unknown"]

#: Targets kept on the host, of training and of validation each.
_MAX_KEPT = 100_000
#: Class frequencies and probabilities are kept away from zero by this.
_LEAST_SHARE = 1e-4


@dataclass(frozen=True)
class ChanceLevels:
    """The levels by which a watched training is judged.

    Attributes:
        metric: 'accuracy', 'mean_squared_error', the user's, or '' if only the loss is known.
        chance_metric: The metric of blind guessing: of the most frequent class, or of the mean.
        chance_loss: The loss of the best constant output; the first loss where targets are unknown.
        source: Where these come from, as one sentence.
    """

    metric: str
    chance_metric: float
    chance_loss: float
    source: str

    def score(self, metric: float, loss: float) -> float:
        """Return a skill: 0 at chance, 1 perfect, at least -1."""
        best = self._perfect
        value, chance = (metric, self.chance_metric) if self.metric else (loss, self.chance_loss)
        room = best - chance
        skill = (value - chance) / room if room else 0.0
        return max(-1.0, skill) if math.isfinite(skill) else 0.0

    def metric_at(self, score: float) -> float:
        """Return the metric of a score; NaN if chance is unknown."""
        return self.chance_metric + score * (self._perfect - self.chance_metric)

    @property
    def _perfect(self) -> float:
        return 1.0 if is_larger_better(self.metric) else 0.0


class Targets:
    """The targets that a loop has shown, and how its outputs are compared with them.

    Args:
        loss_fn: The loss as the user calls it, or None.
        metric: Name of the user's metric, or None.
        chance: The metric of blind guessing, if the user knows it.
    """

    def __init__(self, loss_fn: Any = None, metric: str | None = None, chance: float | None = None) -> None:
        self.loss_fn = loss_fn
        self.own_metric = metric
        self.own_chance = chance
        self.kind: TargetKind | None = None
        self.loss_name: LossName = ""
        # The class that the loss leaves out; negative ones never count.
        self._ignored = getattr(loss_fn, "ignore_index", -100)
        self._first_loss = math.nan
        self._ratios: list[float] = []
        self._num_classes = 0
        self._kept: dict[bool, list[Tensor]] = {False: [], True: []}

    def see(self, loss: Tensor, outputs: Tensor | None, targets: Tensor | None, *, validates: bool) -> None:
        """Keep the targets of a look or a validation, after which the device is waited for."""
        if not math.isfinite(self._first_loss) and not validates:
            self._first_loss = loss.detach().double().mean().item()
            self.loss_name = loss_name(loss, self.loss_fn)
        if targets is None:
            return
        targets = targets.detach()
        if self.kind is None:
            self.kind = _kind(self.loss_name, self.loss_fn, outputs, targets)
        kept = self._kept[validates]
        if sum(len(part) for part in kept) < _MAX_KEPT:
            kept.append(self._flat(targets).cpu())
        if outputs is not None and self.kind == "category":
            self._num_classes = max(self._num_classes, _scores(outputs, targets).shape[-1])
        if outputs is not None and not validates:
            own = value_of(self.loss_name, self.loss_fn, *self._fitting(outputs.detach(), targets))
            ratio = loss.detach().double().mean().item() / own if own else math.nan
            self._ratios += [ratio] if math.isfinite(ratio) else []

    def metric_of(self, outputs: Tensor | None, targets: Tensor | None) -> Tensor | None:
        """Return the metric of a batch on its device, or None if it cannot be computed."""
        if outputs is None or targets is None or self.kind in (None, "unknown"):
            return None
        outputs, targets = outputs.detach(), targets.detach()
        if self.kind == "category":
            scores = _scores(outputs, targets)
            labels = classes_last(targets).argmax(-1) if targets.is_floating_point() else targets
            guesses = scores.argmax(-1)
            if guesses.numel() != labels.numel():
                return None
            # Targets may be flattened in the loss only.
            labels = labels.reshape(guesses.shape)
            is_right, is_counted = guesses == labels, labels >= 0
            # Guesses are never negative, and mostly ignored labels are. Every operation counts here.
            if self._ignored >= 0:
                is_other = labels != self._ignored
                is_right, is_counted = is_right & is_other, is_counted & is_other
            return is_right.sum() / is_counted.sum(dtype=torch.double)
        if outputs.numel() != targets.numel():
            return None
        outputs = outputs.reshape(targets.shape)
        if self.kind == "binary":
            threshold = 0.5 if self.loss_name == "bce" else 0.0
            return ((outputs > threshold) == (targets > 0.5)).double().mean()
        return (outputs.double() - targets.double()).square().mean()

    def levels(self) -> ChanceLevels:
        """Return the levels, from validation targets where there are any, else from those of training."""
        kept = self._kept[True] or self._kept[False]
        if not kept or self.kind in (None, "unknown"):
            return self._of_loss_only()
        targets, training = torch.cat(kept), torch.cat(self._kept[False] or kept)
        metric = "mean_squared_error" if self.kind == "number" else "accuracy"
        chance, constant = self._blind(targets, training)
        compared = targets if self.kind == "category" else targets.to(constant.dtype)
        loss = value_of(self.loss_name, self.loss_fn, constant, compared) * self._scale()
        source = "chance is that of the targets seen"
        if not math.isfinite(loss):
            loss, source = self._first_loss, f"{source}; the loss at chance is the first loss"
        if self.own_metric and self.own_chance is not None:
            return ChanceLevels(self.own_metric, self.own_chance, loss, "metric and chance as given")
        if self.own_metric and self.own_metric != metric:
            return ChanceLevels(
                "", math.nan, loss, f"no chance= was given for {self.own_metric}: losses count"
            )
        if self.own_chance is not None:
            return ChanceLevels(metric, self.own_chance, loss, "chance as given")
        if getattr(self.loss_fn, "weight", None) is not None:
            # Who weighs the classes does not want the most frequent one.
            return ChanceLevels("", math.nan, loss, f"{source}; classes are weighed, so losses count")
        return ChanceLevels(metric, chance, loss, source)

    def _of_loss_only(self) -> ChanceLevels:
        if self.own_metric and self.own_chance is not None:
            return ChanceLevels(
                self.own_metric, self.own_chance, self._first_loss, "metric and chance as given"
            )
        return ChanceLevels("", math.nan, self._first_loss, "no targets were seen: chance is the first loss")

    def _scale(self) -> float:
        """Return the user's loss relative to torch's mean of the same name, such as N for a sum."""
        ratios = sorted(self._ratios)
        return ratios[len(ratios) // 2] if ratios else 1.0

    def _fitting(self, outputs: Tensor, targets: Tensor) -> tuple[Tensor, Tensor]:
        """Return outputs and targets in the shapes that torch's losses take."""
        if self.kind == "category":
            scores = _scores(outputs, targets)
            has_probabilities = targets.is_floating_point()
            shares = classes_last(targets)
            flat = shares.reshape(-1, shares.shape[-1]) if has_probabilities else targets.reshape(-1)
            return scores.reshape(-1, scores.shape[-1]), flat
        return (outputs.reshape(targets.shape) if outputs.numel() == targets.numel() else outputs), targets

    def _flat(self, targets: Tensor) -> Tensor:
        if self.kind == "category" and targets.is_floating_point():
            return classes_last(targets).argmax(-1).flatten()
        flat = targets.flatten()
        return flat.masked_fill(flat == self._ignored, -100) if self.kind == "category" else flat

    def _blind(self, targets: Tensor, training: Tensor) -> tuple[float, Tensor]:
        """Return the metric of blind guessing, and its constant outputs for all targets."""
        if self.kind == "number":
            mean = training.double().mean()
            squared = (targets.double() - targets.double().mean()).square().mean().item()
            return squared, mean.expand(len(targets))
        if self.kind == "binary":
            share = training.double().mean().clamp(_LEAST_SHARE, 1 - _LEAST_SHARE)
            largest = max(share_now := targets.double().mean().item(), 1 - share_now)
            constant = share if self.loss_name == "bce" else torch.logit(share)
            return largest, constant.expand(len(targets))
        count = max(self._num_classes, int(training.max()) + 1, int(targets.max()) + 1)
        shares = _shares(training, count)
        return _shares(targets, count).max().item(), shares.clamp(min=_LEAST_SHARE).log().expand(
            len(targets), -1
        )


def _kind(name: LossName, loss_fn: Any, outputs: Tensor | None, targets: Tensor) -> TargetKind:
    if type(loss_fn).__name__ == "KLDivLoss" or getattr(loss_fn, "__name__", "") == "kl_div":
        return "unknown"  # Outputs are logarithms of what the targets are.
    if not targets.is_floating_point():
        if outputs is None or outputs.dim() == targets.dim() + 1 or name == "cross_entropy":
            return "category" if outputs is not None else "unknown"
        return "binary" if int(targets.max()) <= 1 else "number"
    if name == "cross_entropy":
        return "category"
    return "binary" if name in ("bce", "bce_with_logits") else "number"


def _scores(outputs: Tensor, targets: Tensor) -> Tensor:
    """Return outputs with the classes as their last axis, (..., classes), in the targets' order."""
    if targets.dim() == outputs.dim():
        return classes_last(outputs)
    if outputs.dim() > 2 and outputs.shape[:-1] != targets.shape:
        return classes_last(outputs)
    return outputs


def classes_last(values: Tensor) -> Tensor:
    """Return scores or shares of classes with the classes, torch's second axis, as the last one."""
    return values.movedim(1, -1) if values.dim() > 2 else values


def _shares(labels: Tensor, count: int) -> Tensor:
    counts = torch.bincount(labels[labels >= 0].long(), minlength=count).double()
    return counts / counts.sum().clamp(min=1)

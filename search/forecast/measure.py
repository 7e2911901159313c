"""What can be seen of a trial before its first update."""

import math
from statistics import median

import torch
from torch import Tensor

from failmap.search.preflight.subject import Subject
from failmap.search.trial.config import TrialConfig
from failmap.search.trial.objective import Objective
from failmap.search.trial.probes.batches import of_one_length
from failmap.search.trial.probes.labels import Side, label_signals
from failmap.search.trial.probes.passes import ProbePass, evaluating
from failmap.search.trial.probes.states import spread
from failmap.search.trial.probes.time import last_label_loss, reach

#: Initializations that a cell's signals are medians of, where nobody says otherwise.
NUM_SEEDS = 3
#: Shares of a gradient or of a spread below this, or above its inverse, count as this.
LEAST_SHARE = 1e-12


def initial_signals(config: TrialConfig, num_seeds: int = NUM_SEEDS) -> dict[str, float]:
    """The signals of a trial at initialization, each the median over seeds. Trains nothing.

    Costs, for each seed, a dozen passes forward and four back over at most 64 sequences.

    Args:
        config: the trial's; its seed is the first one.
        num_seeds: initializations to look at.

    Returns:
        By the names of `analysis.theory.features.SIGNALS`, all finite.
    """
    assert num_seeds >= 1, num_seeds
    with torch.random.fork_rng(devices=[]):
        found = [
            _signals_of_seed(config.model_copy(update={"seed": config.seed + index}))
            for index in range(num_seeds)
        ]
    return {name: median(signals[name] for signals in found) for name in found[0]}


def _signals_of_seed(config: TrialConfig) -> dict[str, float]:
    subject = Subject(config)
    with evaluating(subject.model, torch.device("cpu")):
        return {
            **_reach(subject),
            "label_signal": _label_signal(subject),
            "floor_share": floor_share(subject.objective),
            "log10_parameters": math.log10(sum(one.numel() for one in subject.model.parameters())),
            "log10_steps": math.log10(subject.task.num_steps),
            "depth": float(config.model.depth),
        }


def _reach(subject: Subject) -> dict[str, float]:
    """What is left of the gradient on its way back, and of the input on its way up.

    At the first step and in reach the gradient is that of the last label alone; in the mean over the steps it
    is that of all labels, for a label at every step needs no reach.
    """
    one = ProbePass.through(subject.training, of_one_length(subject.batch))
    of_last = _gradient_by_step(one, last_label_loss(one))
    of_all = _gradient_by_step(one, one.objective.loss(one.trace.outputs, one.batch))
    reached = reach(of_last)
    spreads = [spread(layer.outputs[:, -1].detach()).item() for layer in one.trace.layers]
    return {
        "log10_gradient_share_at_first": _log10_share(reached.get("gradient_share_at_first", 0.0)),
        "log10_gradient_share_mean": _log10_share(_share(sum(of_all) / len(of_all), max(of_all))),
        "reach_share": reached.get("gradient_reach_steps", 0) / len(of_last),
        "log10_spread_share": _log10_share(_share(spreads[-1], spreads[0])) if len(spreads) > 1 else 0.0,
    }


def _gradient_by_step(one: ProbePass, loss: Tensor) -> list[float]:
    """Norm of d loss / d x_t for each t."""
    if not loss.requires_grad:
        return [0.0] * one.batch.inputs.shape[1]
    (gradient,) = torch.autograd.grad(
        loss, [one.batch.inputs], retain_graph=True, allow_unused=True, materialize_grads=True
    )
    norms: list[float] = gradient.double().norm(dim=(0, 2)).tolist()
    return norms


def _label_signal(subject: Subject) -> float:
    """See `label_signals`; the mean of two pairs of training batches. 0 where labels move nothing."""
    one, other = (_side(subject, first) for first in (0, 2))
    found = label_signals(one, other)
    seen = [found.get(name, 0.0) for name in ("label_signal", "label_signal_validation")]
    return sum(signal if math.isfinite(signal) else 0.0 for signal in seen) / len(seen)


def _side(subject: Subject, first: int) -> Side:
    """Two training batches in a row."""
    source, judged = (
        subject.task.train_batch(subject.config.seed, update, len(subject.batch.inputs), progress=1.0)
        for update in (first, first + 1)
    )
    return Side(ProbePass.through(subject.training, source), judged, are_apart=True)


def floor_share(objective: Objective) -> float:
    """Which share of what learning could gain the output head's floor takes away, 0 to 1."""
    floor = objective.floor()
    gain = objective.chance_loss - floor.best_possible
    if floor.gap == 0 or gain == math.inf:
        return 0.0
    return min(floor.gap / gain, 1.0) if gain > 0 else 1.0


def _share(part: float, whole: float) -> float:
    return part / whole if whole > 0 else 0.0


def _log10_share(share: float) -> float:
    """In decades, within bounds; what is not finite has overflowed."""
    if not math.isfinite(share):
        return -math.log10(LEAST_SHARE)
    return math.log10(min(max(share, LEAST_SHARE), 1 / LEAST_SHARE))

"""Agreement with the implementations in torch and Optuna."""

import math
from collections.abc import Iterator
from typing import Any, get_args

import optuna
import torch
from torch import nn
from torch.optim import lr_scheduler

from benchmarks.known_results.claim import Arms, Claim, Verdict
from failmap.search.config import RunConfig
from failmap.search.pruners.base import HalvingPruner
from failmap.search.trial.config import TrialConfig
from failmap.search.trial.criterion import Progress
from failmap.search.trial.optimizers import learning_rate, plateau_step
from failmap.search.trial.train_config import OPTIMIZERS, OptimizerName, TrainConfig
from failmap.search.trial.training import Training

_NUM_UPDATES = 50
#: Allowed difference of weights after 50 updates: fused kernels round differently.
_LARGEST_DIFFERENCE = 1e-4
_BUDGET = 1000
#: Trials in the comparison of early stopping with Optuna.
_NUM_TRIALS = 500


def _optimizers_agree(_: Arms) -> Verdict:
    differences = {name: _difference_to_torch(name) for name in get_args(OptimizerName)}
    worst = max(differences, key=lambda name: differences[name])
    num_equal = sum(difference == 0 for difference in differences.values())
    found = f"{len(differences)} optimizers, {num_equal} equal bit by bit; largest difference of a weight "
    found += f"{differences[worst]:.0e} ({worst})"
    return Verdict(found, differences[worst] < _LARGEST_DIFFERENCE)


def _difference_to_torch(name: str) -> float:
    """Return the largest difference of a weight between our training and a bare loop of torch's."""
    config = TrialConfig.model_validate(
        {
            "task": {"name": "adding", "sequence_length": 8},
            "model": {"name": "lstm", "hidden_size": 16},
            "train": {"optimizer": name, "learning_rate": None, "max_updates": _NUM_UPDATES},
        }
    )
    ours, bare = (Training(config, torch.device("cpu")) for _ in range(2))
    ours.run(0, _NUM_UPDATES, lambda: False)
    optimizer = getattr(torch.optim, OPTIMIZERS[config.train.optimizer].torch_name)(bare.model.parameters())
    for update in range(_NUM_UPDATES):
        inputs, targets, _ = bare.batch(update)
        optimizer.zero_grad()
        nn.functional.mse_loss(bare.model(inputs).squeeze(-1), targets).backward()
        optimizer.step()
    pairs = zip(ours.model.parameters(), bare.model.parameters(), strict=True)
    return max((one - other).abs().max().item() for one, other in pairs)


def _schedules_agree(_: Arms) -> Verdict:
    differences = {
        name: max(
            abs(rate / reference - 1) for rate, reference in zip(ours, theirs, strict=True) if reference
        )
        for name, ours, theirs in _schedules()
    }
    worst = max(differences, key=lambda name: differences[name])
    found = f"{', '.join(differences)}: largest relative difference {differences[worst]:.0e} ({worst})"
    return Verdict(found, differences[worst] < 1e-9)


def _schedules() -> Iterator[tuple[str, list[float], list[float]]]:
    """Yield name, our learning rates and torch's over a whole budget."""
    falls = lr_scheduler.StepLR, {"step_size": _BUDGET // 4, "gamma": 0.1 ** (1 / 3)}
    references: dict[str, tuple[Any, dict[str, Any]]] = {
        "constant": (lr_scheduler.ConstantLR, {"factor": 1.0}),
        "step": falls,
        "exponential": (lr_scheduler.ExponentialLR, {"gamma": math.pow(0.1, 1 / _BUDGET)}),
        "cosine": (lr_scheduler.CosineAnnealingLR, {"T_max": _BUDGET, "eta_min": 1e-3}),
        "one_cycle": (lr_scheduler.OneCycleLR, {"max_lr": 1e-2, "total_steps": _BUDGET}),
    }
    for name, (scheduler, settings) in references.items():
        yield name, _our_rates(schedule=name), _torchs_rates(scheduler, **settings)
    warm = {"start_factor": 1 / 100, "total_iters": 99}
    yield "warm-up", _our_rates(warmup_updates=100), _torchs_rates(lr_scheduler.LinearLR, **warm)
    yield "plateau", *_plateaus()


def _our_rates(**settings: Any) -> list[float]:
    config = TrainConfig(learning_rate=1e-2, max_updates=_BUDGET, **settings)
    return [learning_rate(config, update) for update in range(_BUDGET)]


def _torchs_rates(scheduler: Any, **settings: Any) -> list[float]:
    optimizer = torch.optim.SGD([nn.Parameter(torch.zeros(1))], 1e-2)
    schedule = scheduler(optimizer, **settings)
    rates = []
    for _ in range(_BUDGET):
        rates.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        schedule.step()
    return rates


def _plateaus() -> tuple[list[float], list[float]]:
    """Return our rates and torch's for noisy losses that fall in steps."""
    config = TrainConfig(learning_rate=1e-2, max_updates=_BUDGET, schedule="plateau", plateau_patience=3)
    optimizer = torch.optim.SGD([nn.Parameter(torch.zeros(1))], 1e-2)
    schedule = lr_scheduler.ReduceLROnPlateau(optimizer, factor=0.1, patience=3, min_lr=1e-3)
    progress, ours, theirs = Progress(), [], []
    noise = torch.rand(200, generator=torch.Generator().manual_seed(0)).tolist()
    for step, extra in enumerate(noise):
        loss = 1 / (1 + step // 20) + 0.1 * extra
        plateau_step(config, progress, loss)
        schedule.step(loss)
        ours.append(learning_rate(config, step, progress.rate_share))
        theirs.append(optimizer.param_groups[0]["lr"])
    return ours, theirs


def _halvings_agree(_: Arms) -> Verdict:
    """Compare decisions about trials that run in sequence and report once, at the first rung."""
    space = {
        "name": "one cell",
        "map": {"x": "task.sequence_length", "y": "model.depth"},
        "axes": [{"path": "task.sequence_length", "values": [5]}, {"path": "model.depth", "values": [1]}],
        "base": {"task": {"name": "adding"}, "model": {"name": "lstm"}},
    }
    ours = HalvingPruner(RunConfig.model_validate({"run": "reference", "space": space}))
    rung, factor = ours.config.halving.first_rung, ours.config.halving.factor
    theirs = optuna.pruners.SuccessiveHalvingPruner(min_resource=rung, reduction_factor=factor)
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    study = optuna.create_study(direction="maximize", pruner=theirs)
    attributes = {"purpose": "explore", "exempt": False, "config": {"train": {"evaluate_every": 1}}}
    rivals: list[optuna.trial.FrozenTrial] = []
    stopped, num_equal = 0, 0
    for score in torch.rand(_NUM_TRIALS, generator=torch.Generator().manual_seed(0)).tolist():
        trial = study.ask()
        trial.report(score, rung)
        reported = {rung: score}
        rivals.append(
            optuna.trial.create_trial(value=0.0, intermediate_values=reported, user_attrs=attributes)
        )
        decision = ours.stops(rivals[-1], rivals)
        stopped += decision
        num_equal += decision == trial.should_prune()
    found = f"{num_equal} of {_NUM_TRIALS} decisions equal, {stopped} trials stopped"
    return Verdict(found, num_equal == _NUM_TRIALS)


CLAIMS = [
    Claim(
        topic="reference, optimizers",
        statement=f"{_NUM_UPDATES} updates of an LSTM at torch's defaults give a bare torch loop's weights",
        source="torch.optim",
        expected=f"no weight off by more than {_LARGEST_DIFFERENCE:g}",
        judge=_optimizers_agree,
    ),
    Claim(
        topic="reference, schedules",
        statement=f"the learning rate at each of {_BUDGET:,} updates is torch's",
        source="torch.optim.lr_scheduler",
        expected="relative difference below 1e-9",
        judge=_schedules_agree,
    ),
    Claim(
        topic="reference, halving",
        statement="early stopping by rank within a cell makes Optuna's decisions over a whole study",
        source="optuna.pruners.SuccessiveHalvingPruner",
        expected="every decision equal",
        judge=_halvings_agree,
    ),
]

"""What an output head cannot go below, told before training, and what training gets to."""

import torch

from benchmarks.known_results.claim import Arms, Claim, Verdict, seeds
from failmap.search.loading import load
from failmap.search.trial.config import TrialConfig
from failmap.search.trial.training import Training

#: The lowest validation loss may lie this share of the chance loss above the floor.
_SLACK = 0.02


def _case(topic: str, statement: str, floor: float, source: str, **output: str) -> Claim:
    """Whether one bit is 1: so easy that nothing but the head stands in the way.

    Two bits will not do: under a sigmoid too many, two of three seeds stick above the floor for good.
    """
    (config,) = seeds(
        1,
        task={"name": "parity", "sequence_length": 1},
        model={"name": "lstm"},
        output=output,
        train={"learning_rate": 3e-3, "clip_norm": 1.0, "max_updates": 1500},
        criterion={"score": 1.0, "in_a_row": 100},
    )

    def judge(arms: Arms) -> Verdict:
        predicted = Training(config, torch.device("cpu")).objective.floor.loss
        (result,) = arms["trained"]
        reached = min(e.validation_loss for e in result.evaluations if e.validation_loss is not None)
        told = f"predicted {predicted:.4f}, reached {reached:.4f}, accuracy {result.metric:.2f}"
        agrees = abs(predicted - floor) < 2e-3 and predicted - 1e-4 <= reached <= predicted + _SLACK
        return Verdict(told, agrees)

    return Claim(
        topic=topic,
        statement=statement,
        source=source,
        expected=f"{floor:.4f}, and reached within {_SLACK:g}",
        judge=judge,
        arms={"trained": [config]},
    )


def _combinations() -> dict[str, list[TrialConfig]]:
    """Every activation, loss and range of targets of the space loss_activation, one seed each."""
    space = load(["space=loss_activation"]).space
    return {
        str(cell): [space.trial_config(cell, space.default_recipe(cell), seed=0)] for cell in space.cells()
    }


def _foretold(arms: Arms) -> Verdict:
    """What the floor says before training, and what training says."""
    right, num_reachable = 0, 0
    for name, (config,) in _COMBINATIONS.items():
        is_reachable = Training(config, torch.device("cpu")).objective.floor.is_reachable
        (result,) = arms[name]
        num_reachable += is_reachable
        right += is_reachable == result.has_learned
    told = f"{num_reachable} of {len(arms)} can by their floor; training agrees on {right}"
    return Verdict(told, right == len(arms))


_COMBINATIONS = _combinations()

CLAIMS = [
    _case(
        "output, natural",
        "raw outputs under a logits loss reach 0",
        0.0,
        "closed form",
        activation="none",
        loss="bce_with_logits",
    ),
    _case(
        "output, sigmoid twice",
        "a sigmoid before a logits loss cannot go below (ln 2 + ln(1 + 1/e)) / 2, nor ever say 'even'",
        0.5032,
        "closed form",
        activation="sigmoid",
        loss="bce_with_logits",
    ),
    _case(
        "output, tanh and sigmoid",
        "a tanh before a logits loss cannot go below ln(1 + 1/e)",
        0.3133,
        "closed form",
        activation="tanh",
        loss="bce_with_logits",
    ),
    _case(
        "output, targets out of reach",
        "targets of -1 and 1 under a sigmoid and a squared error cannot go below 1/2",
        0.5,
        "closed form",
        activation="sigmoid",
        target_range="minus_one_one",
        loss="mse",
    ),
    Claim(
        topic="output, all combinations",
        statement="of activation, loss and range of targets, just those whose floor is that of a free output "
        "learn to show moving digits again",
        source="closed forms; the question that this program was asked first",
        expected="the floor and the training agree on every one",
        judge=_foretold,
        arms=_COMBINATIONS,
    ),
]

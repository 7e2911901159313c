"""Lower bounds of the loss of an output head, predicted before training and compared with training."""

import torch

from benchmarks.known_results.claim import Arms, Claim, Verdict, seeds
from failmap.search.loading import load
from failmap.search.trial.config import TrialConfig
from failmap.search.trial.training import Training

#: Allowed distance of the lowest validation loss from the floor.
_SLACK = 0.02


def _case(topic: str, statement: str, floor: float, source: str, **output: str) -> Claim:
    """Return a claim about the task of copying one bit, in which only the head limits the loss.

    With two bits and a superfluous sigmoid, two of three seeds stay above the floor.
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
        found = f"predicted {predicted:.4f}, reached {reached:.4f}, accuracy {result.metric:.2f}"
        agrees = abs(predicted - floor) < 2e-3 and predicted - 1e-4 <= reached <= predicted + _SLACK
        return Verdict(found, agrees)

    return Claim(
        topic=topic,
        statement=statement,
        source=source,
        expected=f"{floor:.4f}, and reached within {_SLACK:g}",
        judge=judge,
        arms={"trained": [config]},
    )


def _combinations() -> dict[str, list[TrialConfig]]:
    """Return a trial of every activation, loss and target range of the space loss_activation."""
    space = load(["space=loss_activation"]).space
    return {
        str(cell): [space.trial_config(cell, space.default_recipe(cell), seed=0)] for cell in space.cells()
    }


def _predicted_by_floor(arms: Arms) -> Verdict:
    """Compare the floor's prediction with the outcome of training."""
    right, num_reachable = 0, 0
    for name, (config,) in _COMBINATIONS.items():
        is_reachable = Training(config, torch.device("cpu")).objective.floor.is_reachable
        (result,) = arms[name]
        num_reachable += is_reachable
        right += is_reachable == result.has_learned
    found = f"{num_reachable} of {len(arms)} are reachable by their floor; training agrees on {right}"
    return Verdict(found, right == len(arms))


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
        "a sigmoid before a logits loss cannot go below (ln 2 + ln(1 + 1/e)) / 2, nor ever predict 'even'",
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
        statement="of all combinations of activation, loss and target range, exactly those whose floor is "
        "that of a free output learn to reconstruct moving digits",
        source="closed forms; the question that this program started from",
        expected="floor and training agree on each",
        judge=_predicted_by_floor,
        arms=_COMBINATIONS,
    ),
]

"""Handwritten digits, row by row and moving."""

import math

from benchmarks.known_results.claim import Arms, Claim, Verdict, seeds
from failmap.datasets import build_task
from failmap.datasets.baselines import measure_baselines
from failmap.datasets.config import MnistConfig, MovingMnistConfig

_MNIST = MnistConfig()
#: One digit of 8 pixels on frames of 12, three shown and three predicted.
_MOVING = MovingMnistConfig(
    num_digits=1, frame_size=12, digit_size=8, sequence_length=3, prediction_length=3, target="prediction"
)
_FULL_SIZE = MovingMnistConfig()
#: Required accuracy of an LSTM from 3,500 digits, and its margin over a linear map of all pixels.
_ACCURACY, _AHEAD = 0.92, 0.03


def _reads_better_than_linear(arms: Arms) -> Verdict:
    linear = next(
        one.metric for one in measure_baselines(build_task(_MNIST), num_train=3500) if one.name == "linear"
    )
    reached = [result.metric for result in arms["lstm"]]
    found = f"linear {linear:.3f}; LSTM {min(reached):.3f} to {max(reached):.3f}, {len(reached)} seeds"
    return Verdict(found, min(reached) >= max(_ACCURACY, linear + _AHEAD))


def _guesses_rank(_: Arms) -> Verdict:
    """Compare the mean frame with the last frame shown, on two digits of 64x64."""
    task = build_task(_FULL_SIZE)
    mean = task.chance.loss * task.output_size
    copied = _copy_last_frame(_FULL_SIZE)
    found = f"mean frame {mean:.0f}, last frame again {copied:.0f} nats a frame"
    return Verdict(found, mean < copied)


def _copy_last_frame(config: MovingMnistConfig) -> float:
    """Return the nats per frame of predicting the last frame shown."""
    baselines = {one.name: one.loss for one in measure_baselines(build_task(config), num_train=64)}
    return baselines["last value"] * math.prod(config.frame_shape)


def _predicts_better_than_guesses(arms: Arms) -> Verdict:
    task = build_task(_MOVING)
    mean, copied = task.chance.loss * task.output_size, _copy_last_frame(_MOVING)
    reached = [
        min(e.validation_loss for e in result.evaluations if e.validation_loss is not None) * task.output_size
        for result in arms["lstm"]
    ]
    found = f"mean frame {mean:.1f}, last frame again {copied:.1f}, encoder-decoder {min(reached):.1f} to "
    found += f"{max(reached):.1f} nats a frame, {len(reached)} seeds"
    return Verdict(found, max(reached) < 0.8 * min(mean, copied))


#: A criterion that cannot be met, so that the whole budget is trained.
_NEVER_MET = {"score": 1.0, "in_a_row": 100}

CLAIMS = [
    Claim(
        topic="MNIST, rows",
        statement="an LSTM that reads 28 rows recognizes more digits than a linear map of all pixels",
        source="LeCun et al. 1998 (linear: 88 % from 60,000 digits); 98 to 99 % for LSTMs from 60,000",
        expected=f"from 3,500 digits at least {_ACCURACY:g}, and {_AHEAD:g} above linear",
        judge=_reads_better_than_linear,
        arms={
            "lstm": seeds(
                3,
                task=_MNIST.model_dump(),
                model={"name": "lstm", "hidden_size": 128},
                train={"learning_rate": 3e-3, "clip_norm": 1.0, "max_updates": 1000, "schedule": "cosine"},
                criterion=_NEVER_MET,
            )
        },
    ),
    Claim(
        topic="moving MNIST, guesses",
        statement="on two digits of 64x64 the mean frame is a better guess than the last frame again",
        source="where two digits hardly overlap, the copy is wrong and certain, the mean uncertain",
        expected="fewer nats a frame for the mean frame",
        judge=_guesses_rank,
    ),
    Claim(
        topic="moving MNIST, prediction",
        statement="an encoder-decoder predicts better than the mean frame and than the last frame again",
        source="Srivastava et al. 2015",
        expected="at most 0.8 of the nats of the better guess",
        judge=_predicts_better_than_guesses,
        arms={
            "lstm": seeds(
                2,
                task=_MOVING.model_dump(),
                model={"name": "encoder_decoder", "hidden_size": 128},
                train={"learning_rate": 3e-3, "clip_norm": 1.0, "max_updates": 3000, "schedule": "cosine"},
                criterion=_NEVER_MET,
            )
        },
    ),
]

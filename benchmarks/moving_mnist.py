"""Time the generation of moving digits and training on them: python -m benchmarks.moving_mnist [rounds=5]."""

import statistics
from collections.abc import Callable
from dataclasses import dataclass
from time import perf_counter
from typing import Any

import torch

from benchmarks.arguments import parse_arguments
from benchmarks.results_file import table, write_results
from failmap.search.trial.config import TrialConfig
from failmap.search.trial.evaluation import measure
from failmap.search.trial.training import Training

BATCH_SIZE, EVALUATE_EVERY = 64, 50
SMALL = {"num_digits": 1, "frame_size": 16, "digit_size": 10}


@dataclass(frozen=True)
class Case:
    """A frame size, and the width of the LSTM encoder-decoder that reads 10 frames and predicts 10."""

    task: dict[str, Any]
    hidden_size: int
    num_updates: int

    def config(self) -> TrialConfig:
        """Return the trial; everything but the sizes is the default."""
        return TrialConfig.model_validate(
            {
                "task": {"name": "moving_mnist", **self.task},
                "model": {"name": "encoder_decoder", "hidden_size": self.hidden_size},
                "train": {"batch_size": BATCH_SIZE},
            }
        )


CASES = (
    Case(SMALL, 64, 100),
    Case(SMALL, 128, 100),
    Case({}, 512, 2),
    Case({}, 1024, 2),
)


def main() -> None:
    """Measure every case on one thread."""
    torch.set_num_threads(1)
    rounds = parse_arguments(rounds=5).rounds
    columns = (
        "frames", "digits", "hidden", "frames per second", "batch, ms", "update, ms", "share of an update",
        f"validation / {EVALUATE_EVERY} updates", "fixed sets, MB",
    )  # fmt: skip
    times = table(columns, [_row(case, rounds) for case in CASES])
    remarks = (
        f"10 frames shown and 10 predicted, batch {BATCH_SIZE}, default `encoder_decoder`, one thread. "
        "A batch is drawing and rendering alone; an update in our loop includes one. Medians of alternating "
        "rounds. Validation: one pass over 500 sequences. Fixed sets: the validation set and the test set, "
        "which is used once after a search."
    )
    write_results("moving_mnist", "Moving digits generated on the fly", f"{remarks}\n\n{times}")


def _row(case: Case, rounds: int) -> tuple[object, ...]:
    training = Training(case.config(), torch.device("cpu"))
    task = training.config.task
    assert task.frame_shape is not None
    num_updates, batch_seconds, update_seconds = case.num_updates, [], []

    def make_batches() -> None:
        for update in range(num_updates):
            training.batch(update)

    for _ in range(rounds + 1):
        batch_seconds.append(_seconds(make_batches) / num_updates)
        update_seconds.append(_seconds(lambda: training.run(0, num_updates, lambda: False)) / num_updates)
    batch, update = (statistics.median(seconds[1:]) for seconds in (batch_seconds, update_seconds))
    validation = training.task.validation_set()
    evaluation = _seconds(lambda: measure(training.model, training.objective, validation, training.precision))
    frames_per_sequence = task.num_steps + sum(task.decoded_steps)
    megabytes = sum(part.nbytes for part in validation[:2]) / 1e6
    _, height, width = task.frame_shape
    return (
        f"{height} x {width}",
        case.config().task.num_digits,
        case.hidden_size,
        f"{BATCH_SIZE * frames_per_sequence / batch:,.0f}",
        f"{batch * 1e3:.2f}",
        f"{update * 1e3:.1f}",
        f"{batch / update:.1%}",
        f"{evaluation / (EVALUATE_EVERY * update):.1%}",
        f"{megabytes:.0f} and {2 * megabytes:.0f}",
    )


def _seconds(work: Callable[[], object]) -> float:
    started = perf_counter()
    work()
    return perf_counter() - started


if __name__ == "__main__":
    main()

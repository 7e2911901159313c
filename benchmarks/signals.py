"""Measure the cost of all signals during training: python -m benchmarks.signals [repeats=2].

Alternates intervals of the same training with all signals and with none. Both make bit-identical updates and
evaluations.
"""

import statistics
import tempfile
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from time import process_time
from typing import Any
from unittest.mock import patch

import torch

from benchmarks.arguments import parse_arguments
from benchmarks.loop_cases import CASES, SEQUENCE_LENGTH, UPDATES, Case
from benchmarks.results_file import table, write_results
from failmap.run_folder.paths import TrialFolder
from failmap.search.trial import evaluation, training
from failmap.search.trial.config import TrialConfig
from failmap.search.trial.probes.common import is_probed
from failmap.search.trial.session import TrialSession

#: Evaluations of trainings of 1,000 updates, a space's default, and of 1,500.
EVALUATIONS = (20, 30)
#: Number of timed evaluations; the 1st, the 8th and the last one, at the end of the budget, are probed.
TIMED = 10
#: Larger networks take minutes to measure, and their signals cost relatively less.
MOST_UNITS = 128
#: A sequence length with such fast updates that signals cost relatively most.
SHORT = 20


class SilentSession(TrialSession):
    """A session that measures only losses and the score."""

    def advance(self) -> Any:
        """Train to the next evaluation without any probe."""
        with (
            patch.object(training, "UpdateProbe", lambda model: None),
            patch.object(evaluation, "state_signals", lambda trace, batch: {}),
        ):
            return super().advance()

    def _signals(self, *_: Any) -> dict[str, Any]:
        return {}


@dataclass
class Timing:
    """CPU seconds per interval.

    Attributes:
        silent: without signals.
        extra: additional seconds with signals at evaluations that are not probed.
        extra_of_probed: additional seconds at probed ones, by number of the evaluation.
    """

    silent: list[float] = field(default_factory=list)
    extra: list[float] = field(default_factory=list)
    extra_of_probed: dict[int, list[float]] = field(default_factory=lambda: defaultdict(list))

    def row(self, name: str) -> tuple[str, ...]:
        """Return the table row of a network."""
        silent = statistics.median(self.silent)
        plain = statistics.median(self.extra)
        # First, middle and last probe differ; trainings of 20 and 30 evaluations have one of each.
        each_probed = [statistics.median(times) for times in self.extra_of_probed.values()]
        probed = statistics.mean(each_probed)
        shares = [
            ((number - len(each_probed)) * plain + sum(each_probed)) / (number * silent)
            for number in EVALUATIONS
        ]
        update = silent / UPDATES
        return (
            name,
            f"{update * 1e3:.2f}",
            f"{plain * 1e3:.2f} ({plain / silent:.1%})",
            f"{probed * 1e3:.1f} ({probed / update:.1f} updates)",
            *(f"{share:.1%}" for share in shares),
        )


def main() -> None:
    """Measure the networks of `loop_cases`, and the smallest one on shorter sequences too."""
    torch.set_num_threads(1)
    repeats = parse_arguments(repeats=2).repeats
    rows = []
    cases = [case for case in CASES if case.hidden_size <= MOST_UNITS]
    for case, length in [(cases[0], SHORT), *((case, SEQUENCE_LENGTH) for case in cases)]:
        timing = Timing()
        measure(case, length, 1, Timing())
        for _ in range(repeats):
            measure(case, length, TIMED, timing)
        rows.append(timing.row(f"{case}, T={length}"))
        print(*rows[-1], flush=True)
    columns = (
        "network", "ms per update", "extra at every evaluation, ms", "extra at a probed one, ms",
        "extra in a training of 1,000 updates", "of 1,500",
    )  # fmt: skip
    remarks = (
        f"Adding problem, batch 64, one thread, an evaluation on 512 sequences every {UPDATES} updates. "
        "Intervals alternate between all signals of docs/signals.md and none. Medians of CPU time; the first "
        "share is relative to an interval. 3 of 20 evaluations are probed, and 3 of 30."
    )
    write_results("signals", "Cost of signals", f"{remarks}\n\n{table(columns, rows)}")


def measure(case: Case, length: int, evaluations: int, timing: Timing) -> None:
    """Alternate between both trainings and add their times to `timing`."""
    config = case.config()
    max_updates = TIMED * UPDATES
    config = config.model_copy(
        update={
            "task": config.task.model_copy(update={"sequence_length": length}),
            "train": config.train.model_copy(update={"max_updates": max_updates}),
        }
    )
    pairs = zip(_intervals(config, SilentSession), _intervals(config, TrialSession), strict=False)
    for number, ((silent, loss), (seconds, same_loss)) in zip(range(1, evaluations + 1), pairs, strict=False):
        assert loss == same_loss, "signals changed the training"
        timing.silent.append(silent)
        probed = is_probed(number * UPDATES, UPDATES, config.train.max_updates)
        (timing.extra_of_probed[number] if probed else timing.extra).append(seconds - silent)


def _intervals(config: TrialConfig, kind: type[TrialSession]) -> Iterator[tuple[float, float | None]]:
    """Yield CPU seconds and validation loss of each interval."""
    with tempfile.TemporaryDirectory() as folder:
        session = kind(config, TrialFolder(Path(folder)), torch.device("cpu"))
        while True:
            started = process_time()
            evaluated = session.advance()
            assert evaluated is not None
            yield process_time() - started, evaluated.validation_loss


if __name__ == "__main__":
    main()

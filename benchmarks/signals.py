"""What all signals together cost of a training: python -m benchmarks.signals [repeats=2].

The same training twice, an interval at a time in turn: with every signal, and with none. Both make the same
updates and evaluations, to the last bit.
"""

import statistics
import sys
import tempfile
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from time import process_time
from typing import Any
from unittest.mock import patch

import torch

from benchmarks.loop_cases import CASES, SEQUENCE_LENGTH, UPDATES, Case
from benchmarks.results_file import write_results
from failmap.run_folder.paths import TrialFolder
from failmap.search.trial import evaluation, training
from failmap.search.trial.config import TrialConfig
from failmap.search.trial.probes.common import is_probed
from failmap.search.trial.session import TrialSession

#: Evaluations of one training: 1,000 updates as a space has it by default, and 1,500.
EVALUATIONS = (20, 30)
#: Evaluations that are timed; the 1st, the 8th, and the last, where the budget is spent, are probed.
TIMED = 10
#: Larger networks take minutes to measure, and signals weigh less beside their updates.
MOST_UNITS = 128
#: Where an update takes so little that signals weigh most.
SHORT = 20


class SilentSession(TrialSession):
    """A session that measures nothing but losses and the score."""

    def advance(self) -> Any:
        """Trains to the next evaluation without looking at anything on the way."""
        with (
            patch.object(training, "UpdateProbe", lambda model: None),
            patch.object(evaluation, "state_signals", lambda trace, batch: {}),
        ):
            return super().advance()

    def _signals(self, *_: Any) -> dict[str, Any]:
        return {}


@dataclass
class Timing:
    """CPU seconds of intervals without signals, and what they took more with them; by number where probed."""

    silent: list[float] = field(default_factory=list)
    extra: list[float] = field(default_factory=list)
    extra_of_probed: dict[int, list[float]] = field(default_factory=lambda: defaultdict(list))

    def row(self, name: str) -> str:
        """A line of the table."""
        silent = statistics.median(self.silent)
        plain = statistics.median(self.extra)
        # The first, one on the way, and the last differ; a training of 20 or 30 evaluations has one of each.
        each_probed = [statistics.median(times) for times in self.extra_of_probed.values()]
        probed = statistics.mean(each_probed)
        shares = [
            ((number - len(each_probed)) * plain + sum(each_probed)) / (number * silent)
            for number in EVALUATIONS
        ]
        update = silent / UPDATES
        return (
            f"| {name} | {update * 1e3:.2f} | {plain * 1e3:.2f} ({plain / silent:.1%}) | "
            f"{probed * 1e3:.1f} ({probed / update:.1f} updates) | {shares[0]:.1%} | {shares[1]:.1%} |"
        )


def main() -> None:
    """Measures the networks of the loop's benchmark, and the smallest on shorter sequences."""
    torch.set_num_threads(1)
    repeats = int(dict(word.split("=") for word in sys.argv[1:]).get("repeats", 2))
    rows = []
    cases = [case for case in CASES if case.hidden_size <= MOST_UNITS]
    for case, length in [(cases[0], SHORT), *((case, SEQUENCE_LENGTH) for case in cases)]:
        timing = Timing()
        measure(case, length, 1, Timing())
        for _ in range(repeats):
            measure(case, length, TIMED, timing)
        rows.append(timing.row(f"{case}, T={length}"))
        print(rows[-1], flush=True)
    head = (
        "| network | ms an update | more at every evaluation, ms | more at a probed one, ms | "
        "more in a training of 1,000 updates | of 1,500 |\n|---|---|---|---|---|---|"
    )
    remarks = (
        f"Adding problem, batch 64, one thread, an evaluation on 512 sequences every {UPDATES} updates. In "
        "turn, an interval at a time: with all signals of docs/signals.md, and with none. Medians of CPU "
        "time; the first share is of an interval. Of 20 evaluations 3 are probed, and 3 of 30."
    )
    write_results("signals", "What signals cost", f"{remarks}\n\n" + "\n".join([head, *rows]))


def measure(case: Case, length: int, evaluations: int, timing: Timing) -> None:
    """Runs both trainings in turn."""
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
    """CPU seconds and validation loss of one interval after the other."""
    with tempfile.TemporaryDirectory() as folder:
        session = kind(config, TrialFolder(Path(folder)), torch.device("cpu"))
        while True:
            started = process_time()
            evaluated = session.advance()
            assert evaluated is not None
            yield process_time() - started, evaluated.validation_loss


if __name__ == "__main__":
    main()

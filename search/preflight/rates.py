"""The learning-rate range test of a preflight, as text and as a picture."""

from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass

import torch

from failmap.run_folder.storage import AnyPath
from failmap.search.cost import relative_cost
from failmap.search.preflight.check import TimeLimitError, time_limit
from failmap.search.preflight.selection import trial_name
from failmap.search.trial.config import TrialConfig
from failmap.search.trial.range_test import RangeTest, range_test

#: Time limit of a test, which is planned to take half of it on a nominal core.
MAX_SECONDS = 20.0
#: Updates of a test; with fewer the curve is too short for a conclusion.
MIN_UPDATES, MAX_UPDATES = 40, 150
#: Points of the curve that are printed, and the width of the longest bar.
_NUM_ROWS, _BAR_WIDTH = 12, 30


@dataclass(frozen=True)
class RatesReport:
    """The range test of one trial.

    Attributes:
        name: The trial's name.
        test: The measured curve; None if it would have exceeded or did exceed the time limit.
        picture: Path of the picture.
    """

    name: str
    test: RangeTest | None
    picture: AnyPath | None

    def lines(self) -> Iterator[str]:
        """Yield the curve as text, the conclusion, and the path of the picture."""
        if self.test is None:
            yield f"not checked: learning rates of {self.name}: a test takes more than {MAX_SECONDS:.0f} s"
            return
        yield f"learning-rate range test of {self.name} (rate, smoothed loss)"
        yield from curve_lines(self.test.rates, self.test.smoothed, self.test.steepest)
        yield self.test.conclusion
        if self.picture is not None:
            yield f"picture: {self.picture}"


def run_range_test(config: TrialConfig, picture: AnyPath) -> RatesReport:
    """Run a range test of a trial and save its picture."""
    name = trial_name(config)
    per_update = relative_cost(config) / config.train.max_updates
    num_updates = min(MAX_UPDATES, int(MAX_SECONDS / 2 / per_update))
    test = None
    if num_updates >= MIN_UPDATES:
        with suppress(TimeLimitError), time_limit(MAX_SECONDS), torch.random.fork_rng(devices=[]):
            test = range_test(config, torch.device("cpu"), num_updates=num_updates)
    if test is None:
        return RatesReport(name, None, None)
    # Imports matplotlib, which no other part of a preflight needs.
    from failmap.analysis.plots import RateCurve, write_range_test

    curve = RateCurve(name, test.rates, test.losses, test.smoothed, test.steepest, test.suggested)
    return RatesReport(name, test, write_range_test(curve, picture))


def curve_lines(rates: Sequence[float], smoothed: Sequence[float], steepest: float | None) -> Iterator[str]:
    """Yield points of the curve: rate, loss, and a bar for the loss relative to the first one."""
    count = min(_NUM_ROWS, len(smoothed))
    shown = {round(index * (len(smoothed) - 1) / max(count - 1, 1)) for index in range(count)}
    if steepest is not None:
        shown.add(min(rates.index(steepest), len(smoothed) - 1))
    for index in sorted(shown):
        share = smoothed[index] / smoothed[0] if smoothed[0] > 0 else 0.0
        bar = "#" * round(_BAR_WIDTH * min(share, 1.0)) + "+" * (share > 1.01)
        mark = "  <- steepest" * (rates[index] == steepest)
        yield f"  {rates[index]:8.2g}  {smoothed[index]:10.4g}  {bar}{mark}"

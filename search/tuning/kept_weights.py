"""Weights of the leaders alone (`keep=best`)."""

from collections.abc import Iterable

from failmap.analysis.best.ranking import best_of, rank
from failmap.run_folder.paths import PREPROCESSING_FILE, WEIGHTS_FILE, RunFolder
from failmap.run_folder.records import Outcome
from failmap.run_folder.storage import store_of
from failmap.search.allocation.known_trials import KnownTrial
from failmap.search.config import RunConfig

#: While the run goes on, so many times as many recipes keep their weights: one that falls behind may return.
_MARGIN = 3


class KeptWeights:
    """Removes the weights of trials whose recipes are not among the first.

    Args:
        config: The run's.
        folder: The run's.
    """

    def __init__(self, config: RunConfig, folder: RunFolder) -> None:
        self._folder, self._leaders = folder, config.budget.leaders
        self._objectives = config.space.objectives
        self._is_active = bool(self._objectives) and config.keep == "best" and not config.space.is_own
        self._kept: set[int] = set()

    def end(self, number: int, outcome: Outcome) -> None:
        """Add a trial that has ended, now or in an earlier session."""
        if self._is_active and outcome in ("learned", "failed"):
            self._kept.add(number)

    def tidy(self, trials: Iterable[KnownTrial], *, is_last: bool = False) -> None:
        """Remove the weights of all but the first recipes, once they are many. Raises OSError.

        Args:
            trials: All trials of the run.
            is_last: Whether the session ends: then the leaders alone keep theirs, or the front.
        """
        num_recipes = self._leaders if is_last else _MARGIN * self._leaders
        if not self._is_active or (len(self._kept) < 2 * num_recipes and not is_last):
            return
        ranking = rank(trials, self._objectives)
        leading = [one for place, one in enumerate(ranking) if place < num_recipes or one.front == 0]
        if (named := best_of(ranking, self._objectives)) is not None:
            leading.append(named)
        wanted = {number for one in leading for number in one.numbers}
        store = store_of(self._folder.path)
        for number in sorted(self._kept - wanted):
            for name in (WEIGHTS_FILE, PREPROCESSING_FILE):
                store.remove(self._folder.trial(number).path / name)
        self._kept &= wanted

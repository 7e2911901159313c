"""When a trial is decided by what is certain about itself."""

from dataclasses import dataclass

from failmap.run_folder.records import Outcome


@dataclass(frozen=True)
class Decision:
    """A trial's outcome and, in one line, why."""

    outcome: Outcome
    reason: str


@dataclass
class Progress:
    """What a trial carries from one evaluation to the next.

    Attributes:
        update: optimizer steps done.
        seconds: training time over all attempts.
        streak: evaluations in a row, until now, that reached the criterion.
        still: evaluations in a row since which no weight has changed by a bit.
        score: at the last evaluation.
        best_score: at the best one.
        lowest_loss: the least validation loss that the schedule `plateau` has seen; None before any.
        stale: evaluations in a row since which it has not fallen.
        rate_share: what that schedule has left of the learning rate.
    """

    update: int = 0
    seconds: float = 0.0
    streak: int = 0
    still: int = 0
    score: float = -1.0
    best_score: float = -1.0
    lowest_loss: float | None = None
    stale: int = 0
    rate_share: float = 1.0


@dataclass(frozen=True)
class Criterion:
    """The task's criterion, stated before the search.

    Attributes:
        target_score: the skill to reach.
        in_a_row: evaluations in a row that must reach it.
        max_updates: the update budget.
    """

    target_score: float
    in_a_row: int
    max_updates: int

    def judge(self, progress: Progress, score: float, *, moved: bool, finite: bool) -> Decision | None:
        """Takes in one evaluation and says whether the trial is decided: learned, failed, or not yet (None).

        Certain failures are a loss or weights that are not finite, and weights none of which has changed by a
        bit over two whole intervals between evaluations.

        Args:
            progress: the trial's, brought up to date.
            score: the evaluation's.
            moved: some weight has changed since the last evaluation.
            finite: loss, outputs and weights are.
        """
        progress.score = score
        progress.best_score = max(progress.best_score, score)
        progress.streak = progress.streak + 1 if score >= self.target_score else 0
        progress.still = 0 if moved else progress.still + 1
        if not finite:
            return Decision("failed", "not finite")
        if progress.streak >= self.in_a_row:
            return Decision("learned", "criterion met")
        if progress.update >= self.max_updates:
            return Decision("failed", "update budget spent")
        if progress.still >= 2:
            return Decision("failed", "stuck: no weight changes any more")
        return None

"""The criterion by which a trial has learned or failed, and the progress that it judges."""

from dataclasses import dataclass

from failmap.run_folder.records import SPENT, Outcome


@dataclass(frozen=True)
class Decision:
    """A trial's outcome, and its reason in one line."""

    outcome: Outcome
    reason: str


@dataclass
class Progress:
    """State that a trial carries from one evaluation to the next.

    Attributes:
        update: Optimizer steps done.
        seconds: Training time over all attempts.
        streak: Latest consecutive evaluations that reached the criterion.
        still: Latest consecutive evaluations at which no weight had changed by a bit.
        score: Score at the last evaluation.
        best_score: Best score so far.
        lowest_loss: Lowest validation loss that the schedule `plateau` has seen; None before the first.
        stale: Latest consecutive evaluations without a lower loss.
        rate_share: Share of the learning rate that `plateau` has left.
        hopeless_at: Update from which the curve was hopeless; None if it never was.
        learned_at: Update at which the criterion was met; None before.
        best_update, best_values: Where the run optimises something: the update of the best evaluation, and
            the objectives there.
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
    hopeless_at: int | None = None
    learned_at: int | None = None
    best_update: int = 0
    best_values: list[float | None] | None = None


@dataclass(frozen=True)
class Criterion:
    """The task's success criterion, fixed before the search.

    Attributes:
        target_score: Skill to reach.
        in_a_row: Consecutive evaluations that must reach it.
        max_updates: Update budget.
        ends: Whether a trial ends once it has learned; else it spends its budget.
    """

    target_score: float
    in_a_row: int
    max_updates: int
    ends: bool = True

    def judge(self, progress: Progress, score: float, *, moved: bool, finite: bool) -> Decision | None:
        """Update the progress by one evaluation, and return the decision, or None if there is none yet.

        A trial fails for certain if its loss is not finite, or if no weight has changed by a bit over two
        whole intervals between evaluations.

        Args:
            progress: The trial's progress, which is updated.
            score: The evaluation's score.
            moved: Whether any weight has changed since the last evaluation.
            finite: Whether all losses were finite.
        """
        progress.score = score
        progress.best_score = max(progress.best_score, score)
        progress.streak = progress.streak + 1 if score >= self.target_score else 0
        progress.still = 0 if moved else progress.still + 1
        if not finite:
            return Decision("failed", "not finite")
        if progress.streak >= self.in_a_row and progress.learned_at is None:
            progress.learned_at = progress.update
        if progress.learned_at is not None and self.ends:
            return Decision("learned", "criterion met")
        outcome: Outcome = "failed" if progress.learned_at is None else "learned"
        if progress.update >= self.max_updates:
            return Decision(outcome, SPENT if outcome == "failed" else "criterion met")
        if progress.still >= 2:
            return Decision(outcome, "stuck: no weight changes any more")
        return None

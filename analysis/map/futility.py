"""What stopping hopeless trials saved, and what it got wrong."""

from collections.abc import Iterable
from dataclasses import dataclass

from failmap.analysis.statistics import Interval, wilson_interval
from failmap.run_folder.records import TrialRecord
from failmap.run_folder.wording import quantity


@dataclass(frozen=True)
class Futility:
    """The trials of a map whose own curve was hopeless.

    Attributes:
        num_stopped: Trials that ended there.
        num_failed: All that failed, those included.
        share_saved: Training seconds that they would still have taken, as a share of all without stopping.
        num_expected: How many of them would have learned, by their rules.
        num_exempt: Hopeless trials that were exempt, and have ended.
        num_wrong: Those of them that learned after all.
    """

    num_stopped: int
    num_failed: int
    share_saved: float
    num_expected: float
    num_exempt: int
    num_wrong: int

    @property
    def interval(self) -> Interval:
        """Return the 95 % interval of the share of stopped trials that would have learned, by exempt ones."""
        return wilson_interval(self.num_wrong, self.num_exempt)

    @property
    def words(self) -> str:
        """Return 'stopped as hopeless: 14 of 25 failed trials, which saved 31 % of the seconds; ...'.

        A few exempt trials show little: none of three still leaves 56 %.
        """
        tested = "no exempt one has ended, which would test that"
        if self.num_exempt:
            high = f"{100 * self.interval.high:.0f}"
            tested = (
                f"{self.num_wrong} of {quantity(self.num_exempt, 'exempt one')} did (95 %: up to {high} %)"
            )
        return (
            f"stopped as hopeless: {self.num_stopped} of {quantity(self.num_failed, 'failed trial')}, which "
            f"saved {100 * self.share_saved:.0f} % of the training seconds; by their curves "
            f"{self.num_expected:.2g} of them would have learned, and {tested}"
        )


def futility_of(records: Iterable[TrialRecord]) -> Futility | None:
    """Return what stopping did to the trials of a map, or None if none was hopeless.

    Args:
        records: Its trials, without interventions.
    """
    ended = [(record, record.summary) for record in records if record.summary is not None]
    hopeless = [(record, summary) for record, summary in ended if summary.hopeless_at is not None]
    if not hopeless:
        return None
    stopped = [(record, summary) for record, summary in hopeless if summary.p_learn]
    exempt = [summary for _, summary in hopeless if not summary.p_learn]
    spent = sum(summary.seconds for _, summary in ended)
    saved = sum(
        summary.seconds * (record.config["train"]["max_updates"] / summary.updates - 1)
        for record, summary in stopped
    )
    return Futility(
        num_stopped=len(stopped),
        num_failed=sum(summary.outcome == "failed" for _, summary in ended),
        share_saved=saved / (spent + saved) if stopped else 0.0,
        num_expected=sum(summary.p_learn for _, summary in stopped),
        num_exempt=len(exempt),
        num_wrong=sum(summary.outcome == "learned" for summary in exempt),
    )

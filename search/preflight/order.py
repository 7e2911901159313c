"""The checks in their order, each with a cap of its own, and one trial's way through them."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from time import monotonic

from failmap.search.preflight.baselines import baselines
from failmap.search.preflight.data import data_notes, duplicates
from failmap.search.preflight.finding import Finding
from failmap.search.preflight.gradients import gradients
from failmap.search.preflight.initial_loss import initial_loss
from failmap.search.preflight.leaks import leak_across_batch, leak_from_future
from failmap.search.preflight.modes import modes
from failmap.search.preflight.output_floor import output_floor
from failmap.search.preflight.overfitting import TooFewUpdatesError, overfitting
from failmap.search.preflight.reach import reach_in_depth, reach_in_time
from failmap.search.preflight.report import TrialReport
from failmap.search.preflight.shapes import input_scale, shapes
from failmap.search.preflight.subject import Subject
from failmap.search.preflight.time_limit import TimeLimitError, time_limit


@dataclass(frozen=True)
class Check:
    """One check.

    Attributes:
        name: as the report and its JSON have it.
        run: looks at a trial; leaves its weights as they were.
        cap_seconds: what it may take.
        in_brief: whether it is among those that come before every run.
    """

    name: str
    run: Callable[[Subject], Finding]
    cap_seconds: float
    in_brief: bool = False


#: What everything else rests on comes first; what takes time comes last.
CHECKS = (
    Check("shapes", shapes, 4, in_brief=True),
    Check("input_scale", input_scale, 4, in_brief=True),
    Check("initial_loss", initial_loss, 4, in_brief=True),
    Check("gradients", gradients, 6, in_brief=True),
    Check("output_floor", output_floor, 4, in_brief=True),
    Check("data_notes", data_notes, 4, in_brief=True),
    Check("leak_across_batch", leak_across_batch, 6),
    Check("leak_from_future", leak_from_future, 6),
    Check("modes", modes, 4),
    Check("reach_in_depth", reach_in_depth, 4),
    Check("reach_in_time", reach_in_time, 4),
    Check("overfitting", overfitting, 12),
    Check("baselines", baselines, 10),
    Check("duplicates", duplicates, 10),
)
BRIEF_CHECKS = tuple(check for check in CHECKS if check.in_brief)


def check_trial(subject: Subject, name: str, checks: Sequence[Check], deadline: float) -> TrialReport:
    """Runs checks on one trial until the deadline, on the clock of time.monotonic."""
    started = monotonic()
    findings: dict[str, Finding] = {}
    not_checked: dict[str, str] = {}
    for check in checks:
        seconds = min(check.cap_seconds, deadline - monotonic())
        if seconds <= 0:
            not_checked[check.name] = "no time left"
            continue
        try:
            with time_limit(seconds):
                findings[check.name] = check.run(subject)
        except TimeLimitError:
            not_checked[check.name] = f"took longer than {seconds:.1f} s"
        except TooFewUpdatesError as error:
            not_checked[check.name] = str(error)
        except Exception as error:
            # A network or a task may raise anything: that is a finding, and no end of the check.
            findings[check.name] = _raised(error)
    return TrialReport(name, subject.config, findings, not_checked, monotonic() - started)


def _raised(error: Exception) -> Finding:
    said = (str(error).strip().splitlines() or [""])[0]
    message = f"raised {type(error).__name__}: {said}"
    return Finding("fail", message, float("nan"), "", "a pass through this trial fails: mend that first")

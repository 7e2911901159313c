"""A whole preflight: which trials, in which order, within which time."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from time import monotonic

import torch

from failmap.run_folder.command_lines import command_line
from failmap.run_folder.errors import UserError
from failmap.run_folder.wording import quantity
from failmap.search.config import RunConfig
from failmap.search.cost import relative_cost
from failmap.search.loading.request import default_space
from failmap.search.preflight.finding import Finding, TimeLimitError, time_limit
from failmap.search.preflight.initial_loss import baselines, initial_loss, output_floor
from failmap.search.preflight.leaks import leak_across_batch, leak_from_future
from failmap.search.preflight.overfitting import TooFewUpdatesError, overfitting
from failmap.search.preflight.rates import try_rates
from failmap.search.preflight.reach import gradients, reach_in_depth, reach_in_time
from failmap.search.preflight.report import Report, Row, TrialReport, rows
from failmap.search.preflight.selection import Candidate, select
from failmap.search.preflight.shapes import data_notes, duplicates, input_scale, modes, shapes
from failmap.search.preflight.subject import Subject


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


#: Seconds of a whole preflight, so that it ends within a minute of its start.
TOTAL_SECONDS = 50.0
#: Seconds of one trial's training by heart, where there is time for all.
MIN_PATIENCE_SECONDS, MAX_PATIENCE_SECONDS = 1.0, 6.0
#: Share of a trial's time that training by heart may take.
_PATIENCE_SHARE = 0.5


def preflight(
    config: RunConfig,
    *,
    total_seconds: float = TOTAL_SECONDS,
    picture: Path | None = None,
    on_trial: Callable[[str], None] = lambda name: None,
) -> Report:
    """Checks the smallest trials of each kind, then the largest, until the time is up.

    Args:
        config: whose trials to check.
        total_seconds: for all of it.
        picture: where to save the picture of a range test of the first trial; none: no such test.
        on_trial: is told each trial's name before it is checked.
    """
    started = monotonic()
    deadline = started + total_seconds
    # As trials have them: small networks are slower on more threads, and so would be their checks.
    torch.set_num_threads(config.cluster.cpus_per_trial)
    selection = select(config.space, config.seed)
    waiting = [*selection.smallest, *selection.largest]
    rates = None
    if picture is not None:
        on_trial(f"learning rates, {waiting[0].name}")
        rates = try_rates(waiting[0], picture)
    trials: list[TrialReport] = []
    while waiting and monotonic() < deadline:
        candidate = waiting.pop(0)
        on_trial(candidate.name)
        share = (deadline - monotonic()) / (len(waiting) + 1) * _PATIENCE_SHARE
        patience = min(MAX_PATIENCE_SECONDS, max(MIN_PATIENCE_SECONDS, share))
        trials.append(_check(candidate, CHECKS, patience, deadline))
    left_out = (*(f"{candidate.name}: no time left" for candidate in waiting), *selection.left_out)
    title = trials[0].name if len(trials) == 1 and not left_out else f"space {config.space.name}"
    return Report(title, tuple(trials), left_out, monotonic() - started, rates)


def _check(candidate: Candidate, checks: tuple[Check, ...], patience: float, deadline: float) -> TrialReport:
    """One trial; that it cannot be built is a finding."""
    started = monotonic()
    try:
        with torch.random.fork_rng(devices=[]):
            subject = Subject(candidate.config, patience_seconds=patience)
            return check_trial(subject, candidate.name, checks, deadline)
    except Exception as error:
        # Whatever a task or a network raises while it is built: told by its name, beside the other trials.
        message = f"cannot be built: {type(error).__name__}: {error}"
        finding = Finding("fail", message, float("nan"), "", "mend what the message names")
        return TrialReport(candidate.name, candidate.config, {"build": finding}, {}, monotonic() - started)


#: Trials at most, and seconds after which no other is begun; each that was has so many for its checks.
MAX_TRIALS, BRIEF_SECONDS, TRIAL_SECONDS = 4, 1.0, 1.0
#: A trial of which one update takes longer on a nominal core, in seconds, is not built here.
MAX_UPDATE_SECONDS = 2.0
#: Multiplications of one pass: some hundredths of a second.
_MAX_PRODUCTS = 3e8


def brief_preflight(config: RunConfig, see_more: str) -> list[str]:
    """The lines to tell before a run begins.

    Args:
        config: of the run.
        see_more: the command that checks all of it.

    Raises:
        UserError: a trial cannot be built at all.
    """
    deadline = monotonic() + BRIEF_SECONDS
    with _settings_of_a_trial(config.cluster.cpus_per_trial):
        trials = list(_checked(select(config.space, config.seed).smallest, deadline))
    made = rows(trials)
    bad = [row for row in made if row.status != "pass"]
    if not made:
        return [f"preflight: nothing that is cheap enough to check in brief; see {see_more}"]
    if not bad:
        return [f"preflight: {quantity(len({row.check for row in made}), 'check')} passed"]
    return [*map(_line, bad), f"preflight: more by {see_more}"]


def check_command(words: Sequence[str]) -> str:
    """The command that checks the space of a run's words in full."""
    texts = dict(word.partition("=")[::2] for word in words)
    # Without it words about a trial would stand for that trial alone.
    space = [] if "space" in texts else [f"space={default_space(texts)}"]
    # A check decides nothing that a database would keep; its address may hold a password.
    others = [word for word in words if not word.startswith("journal=")]
    return command_line("check", *space, *others)


@contextmanager
def _settings_of_a_trial(num_threads: int) -> Iterator[None]:
    """torch as trials have it, and as it was afterwards: a driver's decisions may not depend on checks."""
    before = torch.get_num_threads(), _flushes_denormals()
    torch.set_num_threads(num_threads)
    try:
        with torch.random.fork_rng(devices=[]):
            yield
    finally:
        torch.set_num_threads(before[0])
        torch.set_flush_denormal(before[1])


def _checked(candidates: Sequence[Candidate], deadline: float) -> Iterator[TrialReport]:
    """The reports of as many trials as there is time for."""
    for candidate in candidates[:MAX_TRIALS]:
        if monotonic() > deadline:
            return
        per_update = relative_cost(candidate.config) / candidate.config.train.max_updates
        if per_update <= MAX_UPDATE_SECONDS:
            subject = _built(candidate)
            yield check_trial(subject, candidate.name, BRIEF_CHECKS, monotonic() + TRIAL_SECONDS)


def _built(candidate: Candidate) -> Subject:
    try:
        return Subject(candidate.config, max_products=_MAX_PRODUCTS)
    except Exception as error:
        # Whatever it raises, every trial of the run would end by it.
        message = (str(error).strip().splitlines() or [type(error).__name__])[0]
        raise UserError(f"{candidate.name}: cannot be built: {message}") from error


def _flushes_denormals() -> bool:
    """Whether numbers below 1e-38 count as zero on this thread."""
    return bool((torch.tensor(1e-38) / 1e3 == 0).item())


def _line(row: Row) -> str:
    advice = f"; {row.advice}" * bool(row.advice)
    return f"preflight {row.status}: {row.check.replace('_', ' ')}: {row.found}{advice}"

"""The preflight of a space, in full or in brief: which trials and checks run, and within which time."""

import math
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from time import monotonic

import torch

from failmap.datasets.config import ArrayFileConfig
from failmap.run_folder.command_lines import command_line
from failmap.run_folder.errors import UserError
from failmap.run_folder.storage import AnyPath
from failmap.run_folder.wording import quantity
from failmap.search.config import RunConfig
from failmap.search.cost import relative_cost
from failmap.search.loading.request import default_space
from failmap.search.preflight.check import Check, Finding, Subject, TimeLimitError, time_limit
from failmap.search.preflight.data import baselines, data_notes, duplicates, input_scale
from failmap.search.preflight.files import codes, padding, season, shift, simple_forecasts
from failmap.search.preflight.initial_loss import initial_loss, output_floor
from failmap.search.preflight.later_inputs import later_inputs
from failmap.search.preflight.leaks import leak_across_batch, leak_from_future
from failmap.search.preflight.overfitting import overfitting
from failmap.search.preflight.rates import run_range_test
from failmap.search.preflight.reach import gradients, reach_in_depth, reach_in_time
from failmap.search.preflight.report import Report, Row, TrialReport, rows
from failmap.search.preflight.selection import select, trial_name
from failmap.search.preflight.shapes import modes, shapes
from failmap.search.trial.config import TrialConfig

#: In order: the checks that others rely on first, the slow ones last.
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
#: Of tasks on the user's own files, also all before every run.
FILE_CHECKS = (
    Check("later_inputs", later_inputs, 4),
    Check("padding", padding, 4),
    Check("codes", codes, 4),
    Check("shift", shift, 4),
    Check("simple_forecasts", simple_forecasts, 4),
    Check("season", season, 4),
)
#: Checks that train a network, fit predictors or compare whole data sets.
_SLOW_CHECKS = {"overfitting", "baselines", "duplicates"}

#: Time limit of a full preflight, so that it ends within a minute of its start.
TOTAL_SECONDS = 50.0
#: Bounds on the time that a check may train one trial, and the share of the trial's time that it may take.
MIN_TRAINING_SECONDS, MAX_TRAINING_SECONDS, _TRAINING_SHARE = 1.0, 6.0, 0.5

#: Limits of a brief preflight: trials, seconds after which no trial is started, and seconds for each trial.
MAX_BRIEF_TRIALS, BRIEF_SECONDS, BRIEF_TRIAL_SECONDS = 4, 1.0, 1.0
#: Time limit of the checks of one trial before a rescue; most trials take tenths of a second.
UNTRAINED_SECONDS = 5.0
#: Seconds of one update on a nominal core above which a brief preflight skips a trial.
MAX_UPDATE_SECONDS = 2.0
#: Seconds for the checks of a file in a brief preflight, beside those of the trial.
BRIEF_FILE_SECONDS = 2.0
#: Multiplications of a forward pass in a brief preflight: some hundredths of a second.
_BRIEF_MAX_PRODUCTS = 3e8


def preflight(
    config: RunConfig,
    *,
    total_seconds: float = TOTAL_SECONDS,
    picture: AnyPath | None = None,
    on_trial: Callable[[str], None] = lambda name: None,
) -> Report:
    """Check the smallest trial of each kind, then the largest, until the time is up.

    Args:
        config: Configuration whose trials are checked.
        total_seconds: Time limit.
        picture: Path for the picture of a range test of the first trial; None for no range test.
        on_trial: Called with each trial's name before it is checked.
    """
    started = monotonic()
    deadline = started + total_seconds
    # The thread count of trials: more threads slow small networks down.
    torch.set_num_threads(config.cluster.cpus_per_trial)
    selection = select(config.space, config.seed)
    remaining = [*selection.smallest, *selection.largest]
    rates = None
    if picture is not None:
        on_trial(f"learning rates, {trial_name(remaining[0])}")
        rates = run_range_test(remaining[0], picture)
    trials: list[TrialReport] = []
    while remaining and monotonic() < deadline:
        trial = remaining.pop(0)
        on_trial(trial_name(trial))
        share = (deadline - monotonic()) / (len(remaining) + 1) * _TRAINING_SHARE
        training_seconds = min(MAX_TRAINING_SECONDS, max(MIN_TRAINING_SECONDS, share))
        trials.append(_build_and_check(trial, training_seconds, deadline))
    left_out = (*(f"{trial_name(trial)}: no time left" for trial in remaining), *selection.left_out)
    title = trials[0].name if len(trials) == 1 and not left_out else f"space {config.space.name}"
    return Report(title, tuple(trials), left_out, monotonic() - started, rates)


def check_trial(subject: Subject, checks: Sequence[Check], deadline: float) -> TrialReport:
    """Run checks on one trial until the deadline, in seconds of time.monotonic."""
    started = monotonic()
    findings: dict[str, Finding] = {}
    not_checked: dict[str, str] = {}
    for check in checks:
        seconds = min(check.limit_seconds, deadline - monotonic())
        if seconds <= 0:
            not_checked[check.name] = "no time left"
            continue
        try:
            with time_limit(seconds):
                findings[check.name] = check.run(subject)
        except TimeLimitError as error:
            not_checked[check.name] = str(error)
        except Exception as error:
            # A network or a task may raise anything: that is a finding, and the next check runs.
            message = f"raised {type(error).__name__}: {_first_line(error)}"
            advice = "a pass through this trial raises: correct that first"
            findings[check.name] = Finding("fail", message, math.nan, "", advice)
    return TrialReport(
        trial_name(subject.config), subject.config, findings, not_checked, monotonic() - started
    )


def check_untrained(config: TrialConfig, num_threads: int) -> list[Finding]:
    """Return what the checks that need no training find on one trial; nothing if it cannot be built.

    Args:
        config: The trial's configuration.
        num_threads: Threads of torch, as in trials.
    """
    if relative_cost(config) / config.train.max_updates > MAX_UPDATE_SECONDS:
        return []
    with _trial_settings(num_threads):
        try:
            subject = Subject(config, max_products=_BRIEF_MAX_PRODUCTS)
        except Exception:
            # A task or a network may raise anything while it is built; its trials say what.
            return []
        checks = [*_file_checks(config), *(check for check in CHECKS if check.name not in _SLOW_CHECKS)]
        report = check_trial(subject, checks, monotonic() + UNTRAINED_SECONDS)
    return list(report.findings.values())


def _build_and_check(config: TrialConfig, training_seconds: float, deadline: float) -> TrialReport:
    """Build and check one trial; an error while it is built becomes a finding."""
    started = monotonic()
    try:
        with torch.random.fork_rng(devices=[]):
            subject = Subject(config, training_seconds=training_seconds)
            return check_trial(subject, (*_file_checks(config), *CHECKS), deadline)
    except Exception as error:
        # A task or a network may raise anything while it is built.
        message = f"cannot be built: {type(error).__name__}: {error}"
        findings = {"build": Finding("fail", message, math.nan, "", "correct what the message names")}
        return TrialReport(trial_name(config), config, findings, {}, monotonic() - started)


def _file_checks(config: TrialConfig) -> tuple[Check, ...]:
    """Return the checks of the user's own file, if the task reads one."""
    return FILE_CHECKS if isinstance(config.task, ArrayFileConfig) else ()


def _first_line(error: Exception) -> str:
    return (str(error).strip().splitlines() or [""])[0]


def brief_preflight(config: RunConfig, full_command: str) -> list[str]:
    """Run the brief checks on a few small trials and return the lines to print before a run.

    Args:
        config: The run's configuration.
        full_command: Command line of the full preflight.

    Raises:
        UserError: A trial cannot be built.
    """
    smallest = select(config.space, config.seed).smallest
    deadline = monotonic() + BRIEF_SECONDS + BRIEF_FILE_SECONDS * any(map(_file_checks, smallest))
    with _trial_settings(config.cluster.cpus_per_trial):
        trials = list(_check_in_brief(smallest, deadline))
    checked = rows(trials)
    bad = [row for row in checked if row.status != "pass"]
    if not checked:
        return [f"preflight: no trial is small enough for a brief check; see {full_command}"]
    if not bad:
        return [f"preflight: {quantity(len({row.check for row in checked}), 'check')} passed"]
    return [*map(_brief_row, bad), f"preflight: for details run\n  {full_command}"]


def _brief_row(row: Row) -> str:
    """Return what a check found in one line, or its parts and the advice on lines of their own."""
    first, *parts = row.lines
    start = f"preflight {row.status}: {row.check.replace('_', ' ')}:"
    if not parts:
        return f"{start} {first}" + f"; {row.advice}" * bool(row.advice)
    return "\n  ".join([f"{start} {first}", *parts, *filter(None, [row.advice])])


def check_command(arguments: Sequence[str]) -> str:
    """Return the command line that checks the space of a run's arguments in full."""
    texts = dict(argument.partition("=")[::2] for argument in arguments)
    # Without a space, arguments about a trial would select that trial alone.
    space = [] if "space" in texts else [f"space={default_space(texts)}"]
    # A check plans nothing, and needs no journal, whose address may hold a password.
    others = [argument for argument in arguments if not argument.startswith(("journal=", "plan="))]
    return command_line("check", *space, *others)


def _check_in_brief(trials: Sequence[TrialConfig], deadline: float) -> Iterator[TrialReport]:
    """Yield the reports of as many trials as there is time for."""
    for config in trials[:MAX_BRIEF_TRIALS]:
        if monotonic() > deadline:
            return
        if relative_cost(config) / config.train.max_updates > MAX_UPDATE_SECONDS:
            continue
        try:
            subject = Subject(config, max_products=_BRIEF_MAX_PRODUCTS)
        except Exception as error:
            # Whatever it raises would end every trial of the run.
            message = _first_line(error) or type(error).__name__
            raise UserError(f"{trial_name(config)}: cannot be built: {message}") from error
        file_checks = _file_checks(config)
        seconds = BRIEF_TRIAL_SECONDS + BRIEF_FILE_SECONDS * bool(file_checks)
        yield check_trial(subject, (*file_checks, *BRIEF_CHECKS), monotonic() + seconds)


@contextmanager
def _trial_settings(num_threads: int) -> Iterator[None]:
    """Set torch's threads as trials do, and restore torch's state: checks must not affect the driver."""
    # Whether numbers below 1e-38 are flushed to zero on this thread.
    flushes_denormals = bool((torch.tensor(1e-38) / 1e3 == 0).item())
    num_threads_before = torch.get_num_threads()
    torch.set_num_threads(num_threads)
    try:
        with torch.random.fork_rng(devices=[]):
            yield
    finally:
        torch.set_num_threads(num_threads_before)
        torch.set_flush_denormal(flushes_denormals)

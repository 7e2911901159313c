"""The short preflight before a run: seconds, and a line if all is well. It ends no run that can begin."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from time import monotonic

import torch

from failmap.analysis.errors import UserError
from failmap.analysis.wording import count_words
from failmap.run_folder.command_lines import command_line
from failmap.search.config import RunConfig
from failmap.search.cost import relative_cost
from failmap.search.loading.request import default_space
from failmap.search.preflight.order import BRIEF_CHECKS, check_trial
from failmap.search.preflight.rendering import Row, rows
from failmap.search.preflight.report import TrialReport
from failmap.search.preflight.selection import Candidate, select
from failmap.search.preflight.subject import Subject

#: Trials at most, and seconds after which no other is begun; each that was has so many for its checks.
MAX_TRIALS, TOTAL_SECONDS, TRIAL_SECONDS = 4, 1.0, 1.0
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
    deadline = monotonic() + TOTAL_SECONDS
    with _settings_of_a_trial(config.cluster.cpus_per_trial):
        trials = list(_checked(select(config.space, config.seed).smallest, deadline))
    made = rows(trials)
    bad = [row for row in made if row.status != "pass"]
    if not made:
        return [f"preflight: nothing that is cheap enough to check in brief; see {see_more}"]
    if not bad:
        return [f"preflight: {count_words(len({row.check for row in made}), 'check')} passed"]
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

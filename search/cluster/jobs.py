"""Runs as jobs of a Ray cluster, through Ray's Jobs API: submitted once, followed from anywhere."""

import asyncio
import logging
import shlex
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from hashlib import blake2b
from pathlib import Path
from time import monotonic, sleep

import aiohttp
from ray.exceptions import RayError
from ray.job_submission import JobDetails, JobStatus, JobSubmissionClient

from failmap.run_folder.errors import UserError
from failmap.search.cluster.job_package import SHIPPED_PACKAGE, WORKING_DIR
from failmap.search.config import Cluster

#: A job's program, and what it begins with.
_RUN = "python -m failmap run"
_CHECK = "python -m failmap.search.cluster.check_packages"
#: Seconds that a job may take to print its first line.
_BEGIN_SECONDS = 60.0
#: Seconds between two requests.
_POLL_SECONDS = 1.0
#: The answer of a cluster that is still starting, and how long it is tolerated.
_NO_AGENT, _AGENT_SECONDS = "No available agent to submit job", 60.0
#: Ray's loggers whose messages ours replace.
_REPLACED_LOGGERS = (
    "ray.dashboard.modules.dashboard_sdk",
    "ray.dashboard.modules.job.sdk",
    "ray._private.runtime_env.packaging",
)
#: The errors of a request that is refused, does not arrive, or is cut off.
_ERRORS = (OSError, RuntimeError, ValueError, RayError, aiohttp.ClientError)


@dataclass(frozen=True)
class Submission:
    """A job of a run.

    Attributes:
        id: Ray's submission id.
        is_new: Whether it was submitted now, and not found.
    """

    id: str
    is_new: bool


class Jobs:
    """The jobs of one cluster.

    Args:
        cluster: Its address is the dashboard's, `http://HOST:8265`; `prepare_jobs_client` was called with it.

    Raises:
        UserError: It does not answer, or refuses our token.
    """

    def __init__(self, cluster: Cluster) -> None:
        self._address = cluster.address
        for name in _REPLACED_LOGGERS:
            logging.getLogger(name).setLevel(logging.ERROR)
        with self._user_errors():
            self._client = JobSubmissionClient(cluster.address)

    def submit(self, stem: str, words: Sequence[str], package: Path) -> Submission:
        """Submit a job, unless one of this stem is running.

        Args:
            stem: The name of the run's jobs, to which the number of the attempt is appended.
            words: The arguments of `failmap run`.
            package: A folder that `ship` filled.

        Raises:
            UserError: The cluster refuses it, or one is running with other arguments.
        """
        attempts = self._attempts(stem)
        entrypoint = f"{_CHECK} && {_RUN} {shlex.join(words)}"
        if attempts and not (last := attempts[max(attempts)]).status.is_terminal():
            _require_same(f"{stem}.{max(attempts)}", last.entrypoint, words)
            return Submission(f"{stem}.{max(attempts)}", is_new=False)
        attempt = max(attempts, default=0) + 1
        submission_id = f"{stem}.{attempt}"
        runtime_env = {
            "working_dir": str(package / WORKING_DIR),
            "py_modules": [str(package / SHIPPED_PACKAGE)],
        }
        deadline = monotonic() + _AGENT_SECONDS
        while True:
            try:
                self._client.submit_job(
                    entrypoint=entrypoint, submission_id=submission_id, runtime_env=runtime_env
                )
                return Submission(submission_id, is_new=True)
            except _ERRORS as error:
                if _NO_AGENT in str(error) and monotonic() < deadline:
                    sleep(_POLL_SECONDS)
                    continue
                # The same run may have been submitted elsewhere at the same time.
                if attempt in self._attempts(stem):
                    return Submission(submission_id, is_new=False)
                with self._user_errors():
                    raise

    def follow(self, submission_id: str, show: Callable[[str], None]) -> int:
        """Show a job's log until it ends, and return its exit status, or 1 if it is unknown.

        A broken connection is restored, and nothing is shown twice.
        """
        num_shown = 0
        while True:
            num_shown = asyncio.run(self._show_log(submission_id, show, num_shown))
            with self._user_errors():
                details = self._client.get_job_info(submission_id)
            if details.status == JobStatus.SUCCEEDED:
                return 0
            if details.status.is_terminal():
                if details.driver_exit_code is None:
                    show(f"{details.message}\n")
                return details.driver_exit_code or 1
            sleep(_POLL_SECONDS)

    def wait_for_begin(self, submission_id: str, show: Callable[[str], None]) -> int | None:
        """Wait until a job's program has printed a line, and return None; or its exit status if it has ended.

        The log of one that failed is shown. A job that waits for its turn is not waited for longer than a
        minute.
        """
        deadline = monotonic() + _BEGIN_SECONDS
        while monotonic() < deadline:
            with self._user_errors():
                details = self._client.get_job_info(submission_id)
                log = self._client.get_job_logs(submission_id)
            if details.status == JobStatus.SUCCEEDED:
                return 0
            if details.status.is_terminal():
                show(f"{submission_id} has failed:\n{log.strip() or details.message}")
                return details.driver_exit_code or 1
            if log.strip():
                return None
            sleep(_POLL_SECONDS)
        return None

    def describe_last(self, stem: str) -> str:
        """Return id and state of the last job of a stem, and the last line of the log of one that failed."""
        attempts = self._attempts(stem)
        if not attempts:
            return f"no job of this run on {self._address}"
        number = max(attempts)
        submission_id, details = f"{stem}.{number}", attempts[number]
        description = f"job {submission_id}: {details.status.lower()}"
        if details.status != JobStatus.FAILED:
            return description
        with self._user_errors():
            log = self._client.get_job_logs(submission_id).strip()
        lines = log.splitlines() or [details.message or "without a message"]
        return f"{description}: {lines[-1]}"

    async def _show_log(self, submission_id: str, show: Callable[[str], None], num_before: int) -> int:
        """Show the log after the first `num_before` characters, and return its length."""
        num_seen = 0
        with suppress(*_ERRORS):
            async for text in self._client.tail_job_logs(submission_id):
                new = text[max(num_before - num_seen, 0) :]
                num_seen += len(text)
                if new:
                    show(new)
        return max(num_seen, num_before)

    def _attempts(self, stem: str) -> dict[int, JobDetails]:
        """Return the jobs of a stem by the number of their attempt."""
        with self._user_errors():
            jobs = self._client.list_jobs()
        named = ((job, *(job.submission_id or "").rpartition(".")[::2]) for job in jobs)
        return {int(number): job for job, name, number in named if name == stem and number.isdecimal()}

    @contextmanager
    def _user_errors(self) -> Iterator[None]:
        """Turn the error of a request into a UserError with its first line."""
        try:
            yield
        except _ERRORS as error:
            lines = str(error).strip().splitlines() or [type(error).__name__]
            raise UserError(f"cluster.address={self._address}: {lines[0]}") from None


def _require_same(submission_id: str, entrypoint: str, words: Sequence[str]) -> None:
    """Raise UserError with the arguments that differ from those of a running job, if any do."""
    _, _, text = entrypoint.partition(f"{_RUN} ")
    running = shlex.split(text)
    differing = [f"runs with {word}" for word in running if word not in words]
    differing += [f"would get {word}" for word in words if word not in running]
    if text and differing:
        raise UserError(
            f"{submission_id} is running with other arguments: stop it first, or choose another run=",
            *differing,
        )


def job_stem(run: str, storage: str) -> str:
    """Return the name of a run's jobs, which is the same on every machine."""
    digest = blake2b(f"{storage.rstrip('/')}/{run}".encode(), digest_size=4).hexdigest()
    return f"failmap-{run.replace('+', '_')}-{digest}"

"""A run as a job of a Ray cluster, through Ray's Jobs API: submitted once, followed from anywhere."""

import asyncio
import logging
from collections.abc import Callable
from contextlib import suppress
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

#: Seconds until a request is made again.
_POLL_SECONDS = 1.0
#: What a cluster says that has just been started, and how long that may go on.
_NO_AGENT, _AGENT_SECONDS = "No available agent to submit job", 60.0
#: Ray's loggers that tell a user what we tell better.
_TALKATIVE = (
    "ray.dashboard.modules.dashboard_sdk",
    "ray.dashboard.modules.job.sdk",
    "ray._private.runtime_env.packaging",
)
#: What a request may end with: refused, unreachable, or cut off.
_ERRORS = (OSError, RuntimeError, ValueError, RayError, aiohttp.ClientError)


@dataclass(frozen=True)
class Submission:
    """A job that was found or begun.

    Attributes:
        id: Ray's submission id.
        is_new: it was begun just now.
    """

    id: str
    is_new: bool


class Jobs:
    """The jobs of one cluster.

    Args:
        cluster: its address is that of the dashboard, `http://HOST:8265`; `prepare_jobs_client` was called
            with it.

    Raises:
        UserError: it does not answer there, or refuses our token.
    """

    def __init__(self, cluster: Cluster) -> None:
        self._address = cluster.address
        for name in _TALKATIVE:
            logging.getLogger(name).setLevel(logging.ERROR)
        try:
            self._client = JobSubmissionClient(cluster.address)
        except _ERRORS as error:
            raise self._silence(error) from None

    def submit(self, stem: str, entrypoint: str, shipment: Path) -> Submission:
        """Begins a job, unless one of this stem is under way.

        Args:
            stem: what the run's jobs are called; each has the number of its attempt behind it.
            entrypoint: the shell's command line.
            shipment: A folder that `ship` filled.

        Raises:
            UserError: the cluster refuses it.
        """
        attempts = self._attempts(stem)
        if attempts and not attempts[max(attempts)].status.is_terminal():
            return Submission(f"{stem}.{max(attempts)}", is_new=False)
        submission_id = f"{stem}.{max(attempts, default=0) + 1}"
        until = monotonic() + _AGENT_SECONDS
        while True:
            try:
                self._client.submit_job(
                    entrypoint=entrypoint,
                    submission_id=submission_id,
                    runtime_env={
                        "working_dir": str(shipment / WORKING_DIR),
                        "py_modules": [str(shipment / SHIPPED_PACKAGE)],
                    },
                )
                return Submission(submission_id, is_new=True)
            except _ERRORS as error:
                if _NO_AGENT not in str(error) or monotonic() >= until:
                    # Somebody else may have typed the same at the same time.
                    if submission_id.rpartition(".")[2] in map(str, self._attempts(stem)):
                        return Submission(submission_id, is_new=False)
                    raise self._silence(error) from None
            sleep(_POLL_SECONDS)

    def follow(self, submission_id: str, show: Callable[[str], None]) -> int:
        """Shows a job's log until it ends, and returns its exit status: 1 where nobody knows it.

        A connection that breaks is made again, and nothing is shown twice.
        """
        num_shown = 0
        while True:
            num_shown = asyncio.run(self._show_log(submission_id, show, num_shown))
            details = self._details(submission_id)
            if details.status.is_terminal():
                return self._exit_status(details, show)
            sleep(_POLL_SECONDS)

    async def _show_log(self, submission_id: str, show: Callable[[str], None], num_before: int) -> int:
        """Shows what comes behind so many characters, and returns how many there were in all."""
        num_seen = 0
        with suppress(*_ERRORS):
            async for text in self._client.tail_job_logs(submission_id):
                new = text[max(num_before - num_seen, 0) :]
                num_seen += len(text)
                if new:
                    show(new)
        return max(num_seen, num_before)

    def _exit_status(self, details: JobDetails, show: Callable[[str], None]) -> int:
        if details.status == JobStatus.SUCCEEDED:
            return 0
        if details.driver_exit_code is None:
            show(f"{details.message}\n")
        return details.driver_exit_code or 1

    def _attempts(self, stem: str) -> dict[int, JobDetails]:
        """The jobs of a stem by their attempt."""
        try:
            jobs = self._client.list_jobs()
        except _ERRORS as error:
            raise self._silence(error) from None
        named = ((job, *(job.submission_id or "").rpartition(".")[::2]) for job in jobs)
        return {int(number): job for job, name, number in named if name == stem and number.isdecimal()}

    def _details(self, submission_id: str) -> JobDetails:
        try:
            return self._client.get_job_info(submission_id)
        except _ERRORS as error:
            raise self._silence(error) from None

    def _silence(self, error: Exception) -> UserError:
        told = str(error).strip().splitlines()
        return UserError(f"cluster.address={self._address}: {told[0] if told else type(error).__name__}")


def job_stem(run: str, storage: str) -> str:
    """What the jobs of a run are called: the same wherever it is typed."""
    digest = blake2b(f"{storage.rstrip('/')}/{run}".encode(), digest_size=4).hexdigest()
    return f"failmap-{run.replace('+', '_')}-{digest}"

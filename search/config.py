"""The complete configuration of a run, which `search.loading` makes from arguments and YAML files."""

from typing import Annotated, Literal

from pydantic import AfterValidator, Field, SecretStr

from failmap.analysis.sequential import FIRST_LOOK
from failmap.datasets.config import Config
from failmap.search.journal.address import checked_address
from failmap.search.shards import checked_shard
from failmap.search.space import Space


class Budget(Config):
    """Limits of a run and of each cell."""

    name: str = "custom"
    minutes: float | None = Field(
        default=None, gt=0, description="wall-clock minutes of a session; none: no limit"
    )
    trials: int | None = Field(default=None, ge=1, description="finished trials of the run; none: no limit")
    seeds: int = Field(
        default=FIRST_LOOK,
        ge=1,
        description="seeds of the default recipe in each cell, at least; six decide, if they agree",
    )
    max_seeds: int = Field(
        default=10,
        ge=1,
        description="seeds at most: where six did not decide, those at 10, 16, 24, 32, 48, 64 may",
    )
    explore_seeds: int = Field(
        default=3, ge=1, description="seeds that try another recipe; fresh ones confirm it if half learned"
    )
    recipes: int = Field(default=1, ge=1, description="recipes of each cell, the default one included")
    facets: int | None = Field(default=None, ge=1, description="how many facets, from the first; none: all")
    leaders: int = Field(
        default=3,
        ge=1,
        le=100,
        description="goal=best: recipes that get budget.seeds seeds each",
    )
    repeat: float = Field(
        default=0.25, ge=0, le=0.9, description="goal=best: share of the trials that repeats the leaders"
    )
    extend: float = Field(
        default=0.1,
        ge=0,
        le=0.5,
        description="share of the cost of all trials for training failed ones near the edge on, to three "
        "times their updates; 0: none",
    )
    keep_gigabytes: float = Field(
        default=1.0,
        ge=0,
        le=1000,
        description="for the states at the end of failed trials, from which they can be trained on; the "
        "lowest scores go first; 0: none is kept",
    )

    @property
    def most_seeds(self) -> int:
        """Return the most seeds of a recipe: a limit below those that it gets anyway is none."""
        return max(self.seeds, self.max_seeds)


class Retries(Config):
    """How often one trial is started again, by what ended it. Each kind has a budget of its own."""

    preempted: int = Field(default=100, ge=0, description="its worker was asked to leave (SIGTERM)")
    lost: int = Field(default=3, ge=0, description="its worker or node died")
    hung: int = Field(default=1, ge=0, description="no evaluation came within cluster.evaluation_minutes")
    error: int = Field(default=0, ge=0, description="its code raised an exception")
    halve_batch: int = Field(
        default=0, ge=0, description="out of GPU memory: again from the start, with half the batch"
    )


def _whole_above_one(gpus: float) -> float:
    """Raise ValueError for what Ray refuses: neither a part of one GPU nor whole ones."""
    if gpus > 1 and gpus != int(gpus):
        raise ValueError("must be a part of one GPU, or a whole number of them")
    return gpus


class Cluster(Config):
    """Where trials run, and the resources of each."""

    name: str = "custom"
    address: str = Field(default="local", description="local: a Ray of its own; else a running Ray's address")
    authentication: Literal["token", "none"] = Field(
        default="token", description="none: also on a cluster that lets everybody in"
    )
    cpus: int | None = Field(
        default=None, ge=1, description="CPUs of the local Ray; none: all that there are"
    )
    cpus_per_trial: int = Field(default=1, ge=1, description="CPUs, and torch threads, of one trial")
    gpus_per_trial: Annotated[float, AfterValidator(_whole_above_one)] | None = Field(
        default=None,
        ge=0,
        le=64,
        description="GPUs of one trial, fractions allowed; none: 1 where there is one",
    )
    memory_per_trial: float | None = Field(
        default=None, gt=0, description="GiB that one trial gets and, on a CPU, is held to; none: no limit"
    )
    resources_per_trial: dict[str, Annotated[float, Field(gt=0)]] = Field(
        default={}, description="Ray's custom resources of one trial, by name"
    )
    trials_at_once: int | None = Field(
        default=None, ge=1, description="trials under way, for an autoscaler to follow; none: as many as fit"
    )
    evaluation_minutes: float | None = Field(
        default=30, gt=0, description="minutes without an evaluation before a trial hangs; none: no limit"
    )
    head_lost_seconds: float = Field(
        default=45, ge=1, le=240, description="seconds of silence after which the cluster's head is lost"
    )
    retries: Retries = Retries()


class Halving(Config):
    """Successive halving (Jamieson and Talwalkar 2016) among the explored recipes of each cell."""

    factor: int = Field(default=3, ge=2, description="of the trials at a rung, one in so many goes on")
    first_rung: int = Field(
        default=4, ge=1, description="evaluations before the first rung; 1 with goal=best"
    )
    exempt_share: float = Field(
        default=0.1, ge=0, le=1, description="share of trials never stopped, to measure what stopping costs"
    )


class Futility(Config):
    """Stopping of trials whose own curve says that they will not learn within their updates."""

    max_wrong: float = Field(
        default=0.01, ge=0, le=0.5, description="of the stopped trials, share that would learn; 0: stop none"
    )
    exempt_share: float = Field(
        default=0.1,
        ge=0,
        le=1,
        description="share of trials never stopped, besides the first seed of a cell, to test the rule",
    )


class RunConfig(Config):
    """The complete configuration of a run, from which it can be repeated."""

    run: str = Field(description="the run's name, its folder's under storage")
    storage: str = Field(default="runs", description="folder that holds runs")
    seed: int = Field(
        default=0,
        ge=0,
        le=2**31 - 1,
        description="of the run: samplers, exemptions, and the trials' first seed",
    )
    space: Space
    budget: Budget = Budget()
    cluster: Cluster = Cluster()
    sampler: Literal["grid", "sobol", "random", "tpe", "gp", "cmaes", "nsga2"] = Field(
        default="grid",
        description="who fills in recipes; gp, cmaes, nsga2: with goal=best, whose default is tpe, or nsga2 "
        "for several objectives",
    )
    pruner: Literal["none", "halving", "hyperband", "median"] = Field(
        default="none",
        description="who stops new recipes by rank: halving; with goal=best also hyperband and median",
    )
    halving: Halving = Halving()
    futility: Futility = Futility()
    continue_to: int | None = Field(
        default=None,
        ge=1,
        description="updates to which failed trials are trained on, as resume train.max_updates=... sets it",
    )
    keep: Literal["none", "learned", "all", "best"] = Field(
        default="none",
        description="whose weights are kept; best: the leaders' of goal=best, which is its default",
    )
    journal: Annotated[str, AfterValidator(checked_address)] | None = Field(
        default=None, description="postgresql://...: decisions there, not in the run folder; none: the folder"
    )
    # Never written: a resumed run has it from the environment or from its arguments.
    journal_password: SecretStr | None = Field(default=None, exclude=True, repr=False)
    shard: Annotated[str, AfterValidator(checked_shard)] | None = Field(
        default=None, description="2/5: every fifth cell only, from the second; none: all"
    )
    test: bool = Field(default=False, description="look at the test set once, at each trial's end")
    watched: bool = Field(default=False, description="a loop that failmap.watch saw, not a search")

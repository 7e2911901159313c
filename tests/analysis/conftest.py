"""Run folders as a search leaves them, built through the real records."""

import json
import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import yaml

from failmap.analysis.reporting import build
from failmap.run_folder.paths import RunFolder
from failmap.run_folder.records import Evaluation, Intervention, Outcome, Purpose, Summary, TrialRecord

CHROMIUM = Path("/usr/bin/chromium")
CHANCE = 1 / 6
START = "2026-01-01T00:00:00+00:00"


def evaluations(
    outcome: Outcome | None, depth: int = 2, count: int = 30, steps: int = 10
) -> list[Evaluation]:
    """A history: the loss falls for what learns and stays at chance for what does not."""
    fall = 0.85 if outcome == "learned" else 0.995
    layers = [f"layers.{layer}" for layer in range(depth)]
    history = []
    for evaluation in range(1, count + 1):
        loss = CHANCE * fall**evaluation
        signals = {
            "learning_rate": 3e-3,
            "gradient_norm": 0.1 * fall**evaluation,
            "gradient_norm_by_layer": {
                **{layer: 0.1 * 4.0 ** (index - depth) for index, layer in enumerate(layers)},
                "readout": 0.3,
            },
            "gradient_norm_by_step": [1e-3 * 0.5 ** (steps - step) for step in range(steps)],
            "gradient_steps": list(range(steps)),
        }
        history.append(
            Evaluation(
                50 * evaluation, 0.1 * evaluation, loss * 1.1, loss, loss, 1 - fall**evaluation, signals
            )
        )
    return history


@dataclass
class RunWriter:
    """Writes a run of the adding problem over length and depth, trial by trial."""

    folder: RunFolder
    lengths: Sequence[Any] = (5, 20)
    depths: Sequence[Any] = (1, 2)
    facets: Sequence[Any] | None = None
    fail_after_recipes: int = 1
    question: str = "Up to which length does a deep LSTM learn to add?"
    axes: Sequence[dict[str, Any]] = (
        {"path": "train.learning_rate", "low": 1e-4, "high": 1e-1, "log": True, "default": 3e-3},
    )
    base: dict[str, Any] = field(default_factory=dict)
    budget: dict[str, Any] = field(default_factory=lambda: {"name": "quick", "seeds": 6, "max_seeds": 10})
    num_trials: int = 0

    def write_config(self) -> None:
        """Writes config.yaml as the search does: plain YAML of the whole configuration."""
        axes = [
            {"path": "task.sequence_length", "values": list(self.lengths)},
            {"path": "model.depth", "values": list(self.depths)},
            *self.axes,
        ]
        if self.facets is not None:
            axes.append({"path": "model.hidden_size", "values": list(self.facets)})
        config = {
            "run": self.folder.name,
            "storage": str(self.folder.path.parent),
            "seed": 0,
            "space": {
                "name": "lstm_depth",
                "question": self.question,
                "map": {
                    "x": "task.sequence_length",
                    "y": "model.depth",
                    "facet": None if self.facets is None else "model.hidden_size",
                },
                "axes": axes,
                "base": self.base or {"task": {"name": "adding"}, "model": {"name": "lstm"}},
                "fail_after_recipes": self.fail_after_recipes,
            },
            "budget": self.budget,
        }
        self.folder.path.mkdir(parents=True, exist_ok=True)
        # Through JSON, for values that stand twice would become aliases, which nobody else writes.
        self.folder.config.write_text(yaml.safe_dump(json.loads(json.dumps(config)), sort_keys=False))

    def write_costs(self, seconds: float) -> None:
        """Writes costs.json: every cell costs the same."""
        facets: Iterable[Any] = self.facets if self.facets is not None else (None,)
        cells = [self.cell(x, y, facet) for facet in facets for y in self.depths for x in self.lengths]
        costs = [{"cell": cell, "seconds_per_trial": seconds} for cell in cells]
        self.folder.costs.write_text(json.dumps(costs))

    def cell(self, length: Any, depth: Any, facet: Any = None) -> dict[str, Any]:
        """A cell's labels by path."""
        labels = {"task.sequence_length": length, "model.depth": depth}
        return labels if self.facets is None else {**labels, "model.hidden_size": facet}

    def trial(
        self,
        outcome: Outcome | None,
        length: Any = 5,
        depth: Any = 1,
        facet: Any = None,
        *,
        recipe_index: int = 0,
        purpose: Purpose = "default",
        recipe: dict[str, Any] | None = None,
        config: dict[str, Any] | None = None,
        history: Sequence[Evaluation] = (),
        reason: str | None = None,
        max_updates: int = 1500,
        seed: int | None = None,
        intervention: Intervention | None = None,
        **summary: Any,
    ) -> TrialRecord:
        """Writes one trial's record and history. An outcome of None: it has not ended. Each seed is new."""
        number, self.num_trials = self.num_trials, self.num_trials + 1
        seed = number if seed is None else seed
        recipe = {"train.learning_rate": 3e-3} if recipe is None else recipe
        told = Summary(
            outcome=outcome,
            reason=reason or ("criterion met" if outcome == "learned" else "update budget spent"),
            **{
                "updates": max_updates,
                "seconds": 3.0,
                "score": 0.97 if outcome == "learned" else 0.1,
                "best_score": 0.98 if outcome == "learned" else 0.2,
                "target_score": 0.95,
                "metric": "mean_squared_error",
                "chance_metric": CHANCE,
                "target_metric": 0.05 * CHANCE,
                "chance_loss": CHANCE,
                "num_parameters": 4513,
                **summary,
            },
        )
        trial_config = {
            "task": {"name": "adding", "sequence_length": length},
            "model": {"name": "lstm", "depth": depth, "hidden_size": facet or 32},
            "output": {"activation": "none", "target_range": "task", "loss": "mse"},
            "train": {
                "optimizer": "adam",
                "learning_rate": recipe.get("train.learning_rate", 3e-3),
                "max_updates": max_updates,
            },
            "criterion": {"score": None, "in_a_row": 2},
            "seed": seed,
            **(config or {}),
        }
        record = TrialRecord(
            number=number,
            attempt=1,
            config=trial_config,
            cell=self.cell(length, depth, facet),
            recipe=recipe,
            recipe_index=recipe_index,
            purpose="intervene" if intervention else purpose,
            seed=seed,
            started=START,
            ended=None if outcome is None else START,
            summary=None if outcome is None else told,
            intervention=intervention,
        )
        trial = self.folder.trial(number)
        trial.path.mkdir(parents=True)
        trial.record.write_text(record.to_json())
        if history:
            trial.history.write_text("".join(f"{one.to_line()}\n" for one in history))
        return record

    def trials(self, learned: int, failed: int, *place: Any, **more: Any) -> None:
        """Writes trials of one cell and recipe, without histories."""
        for _ in range(learned):
            self.trial("learned", *place, **more)
        for _ in range(failed):
            self.trial("failed", *place, **more)


MakeRun = Callable[..., RunWriter]


@pytest.fixture
def make_run(tmp_path: Path) -> MakeRun:
    """Makes an empty run with a configuration, into which trials are written."""

    def make(name: str = "first", **space: Any) -> RunWriter:
        writer = RunWriter(RunFolder(tmp_path / "runs" / name), **space)
        writer.write_config()
        return writer

    return make


@pytest.fixture
def history() -> Callable[..., list[Evaluation]]:
    """Makes a trial's evaluations."""
    return evaluations


@pytest.fixture(scope="module")
def chromium() -> Iterator[Any]:
    """Debian's Chromium, started once for a module: its event loop would disturb tests of asyncio."""
    if not CHROMIUM.exists():
        reason = f"{CHROMIUM} is missing: apt-get install chromium"
        if os.environ.get("CI"):
            pytest.fail(reason)
        pytest.skip(reason)
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=str(CHROMIUM), args=["--no-sandbox"])
        yield browser
        browser.close()


@pytest.fixture
def browser_page(chromium: Any) -> Iterator[Any]:
    """A page of its own profile that fails its test on any error or request."""
    troubles: list[str] = []
    with chromium.new_context() as profile:
        page = profile.new_page()
        page.on("console", lambda message: troubles.append(message.text))
        page.on("pageerror", lambda error: troubles.append(str(error)))
        page.on("dialog", lambda dialog: troubles.append(dialog.message))
        page.on("request", lambda request: troubles.append(request.url))
        yield page
        address = page.url.partition("#")[0]
    # The page itself is the one request, however often it is loaded.
    assert {trouble.partition("#")[0] for trouble in troubles} == {address}


def open_report(page: Any, run: Any) -> None:
    """Writes the report of a run, and opens its page."""
    page.goto(build(run.folder).page.as_uri())

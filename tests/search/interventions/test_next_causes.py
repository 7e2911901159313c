"""Rescues that go on: fixes on top of one that changed the cause of failure and repaired nothing."""

from dataclasses import replace
from typing import Any

import pytest

from failmap.analysis.interventions.comparisons import rescue_comparisons
from failmap.analysis.interventions.summary import rescue_lines
from failmap.analysis.load import load_run
from failmap.run_folder.paths import RunFolder
from failmap.run_folder.records import Summary, TrialRecord
from failmap.run_folder.storage import write_atomically
from failmap.search.config import RunConfig
from failmap.search.interventions.plan import UNCHANGED, Case, Plan
from failmap.search.interventions.request import RescueArguments, read_session
from failmap.search.interventions.rescue_plan import plan_rescue
from failmap.search.interventions.schedule import InterventionSchedule
from failmap.search.loading import to_yaml
from failmap.search.trial.config import TrialConfig
from tests.search.interventions.runs import DIVERGED, FAILED, LEARNED, Rule, open_study, run_all

#: A head that cannot go below nine tenths of the loss of chance.
UNREACHABLE = replace(FAILED, chance_loss=1.0, loss_floor=0.9, best_possible_loss=0.0)


def bounded_then_exploding(config: TrialConfig) -> Summary:
    """A sigmoid cannot reach the targets; without it the training diverges unless gradients are clipped."""
    if config.output.activation != "none":
        return UNREACHABLE
    return DIVERGED if config.train.clip_norm is None else LEARNED


def only_bounded(config: TrialConfig) -> Summary:
    return UNREACHABLE if config.output.activation != "none" else LEARNED


def hopeless(config: TrialConfig) -> Summary:
    """Without the sigmoid the training diverges, whatever else is changed."""
    return UNREACHABLE if config.output.activation != "none" else DIVERGED


@pytest.fixture
def config() -> RunConfig:
    """One cell whose networks have a sigmoid before a squared error."""
    base: dict[str, Any] = {
        "task": {"name": "adding"},
        "model": {"name": "rnn", "nonlinearity": "relu"},
        "output": {"activation": "sigmoid"},
    }
    axes = [{"path": "task.sequence_length", "values": [5]}, {"path": "model.depth", "values": [1]}]
    space = {
        "name": "one",
        "map": {"x": "task.sequence_length", "y": "model.depth"},
        "axes": axes,
        "base": base,
    }
    return RunConfig.model_validate({"run": "tiny", "space": space})


@pytest.fixture
def failed(config: RunConfig, folder: RunFolder) -> RunFolder:
    folder.path.mkdir(parents=True)
    write_atomically(folder.config, to_yaml(config))
    run_all(open_study(config, folder), hopeless)
    return folder


def plan_of(folder: RunFolder) -> Plan:
    named = [f"run={folder.name}", f"storage={folder.path.parent}"]
    return plan_rescue(read_session("rescue", RescueArguments, named), load_run(folder))


def session(config: RunConfig, folder: RunFolder, rule: Rule) -> list[Case]:
    """Run one session to its end, and return its cases."""
    plan = plan_of(folder)
    run_all(open_study(config, folder, InterventionSchedule(plan)), rule)
    return list(plan.cases)


def interventions(folder: RunFolder) -> dict[str, list[TrialRecord]]:
    """Return the trials of each chain of fixes."""
    found: dict[str, list[TrialRecord]] = {}
    for record in load_run(folder).records:
        if record.intervention is not None:
            found.setdefault(record.intervention.chain, []).append(record)
    return found


def test_next_cause_is_tried_on_top_of_the_fix(config: RunConfig, failed: RunFolder) -> None:
    (first,) = session(config, failed, bounded_then_exploding)
    assert (first.cause, first.on_top_of) == ("unreachable_output", "")
    again, second = session(config, failed, bounded_then_exploding)
    assert again.steps == first.steps
    assert (second.cause, second.on_top_of) == ("diverged", "output_head")
    assert [step.name for step in second.steps[:2]] == [UNCHANGED, "clip"]
    both = interventions(failed)["output_head+clip"]
    assert [record.seed for record in both] == list(range(5))
    for record in both:
        assert record.outcome == "learned"
        assert record.config["output"]["activation"] == "none"
        assert record.config["train"]["clip_norm"] == 1.0
        assert record.intervention is not None
        assert record.intervention.changes == {"output.activation": "none", "train.clip_norm": 1.0}
    # The fix alone gets the seed on which it was given up, so that both are compared on the same five.
    assert [record.seed for record in interventions(failed)["output_head"]] == list(range(5))


def test_chain_is_reported_in_order(config: RunConfig, failed: RunFolder) -> None:
    for _ in range(2):
        session(config, failed, bounded_then_exploding)
    run = load_run(failed)
    chained = {one.name: one for one in rescue_comparisons(run) if one.on_top_of}
    clip = chained["clip"].pairs
    assert (clip.before.learned, clip.before.trials, clip.after.learned) == (0, 5, 5)
    text = "\n".join(rescue_lines(run))
    assert "another output head: then diverged; + gradient clipping: learns 5 of 5" in text


def test_session_after_the_last_has_nothing_left(config: RunConfig, failed: RunFolder) -> None:
    for _ in range(2):
        session(config, failed, bounded_then_exploding)
    before = interventions(failed)
    cases = session(config, failed, bounded_then_exploding)
    assert len(cases) == 2
    assert interventions(failed) == before


def test_fix_that_works_is_not_continued(config: RunConfig, failed: RunFolder) -> None:
    session(config, failed, only_bounded)
    assert [case.on_top_of for case in plan_of(failed).cases] == [""]


def test_chains_end(config: RunConfig, failed: RunFolder) -> None:
    for _ in range(4):
        session(config, failed, hopeless)
    chains = [record.intervention.chain for several in interventions(failed).values()
              for record in several if record.intervention]  # fmt: skip
    assert max(chain.count("+") for chain in chains) == 1, "each ladder of a cause is tried once in a cell"


def test_intervention_of_an_older_journal_has_no_chain(failed: RunFolder) -> None:
    record = load_run(failed).records[0]
    old = replace(record, intervention=None).to_json().replace(
        '"intervention": null',
        '"intervention": {"kind": "rescue", "name": "clip", "changes": {}, "base": 0, "cause": ""}',
    )  # fmt: skip
    read = TrialRecord.from_json(old).intervention
    assert read is not None
    assert (read.on_top_of, read.chain) == ("", "clip")

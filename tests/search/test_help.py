"""Help texts name every key, with its default."""

from syrupy.assertion import SnapshotAssertion

from failmap.search.commands.help import (
    WIDTH,
    ablate_help,
    check_help,
    manifest_help,
    rescue_help,
    resume_help,
    run_help,
    status_help,
    stop_help,
    submit_help,
)
from failmap.search.loading.cli_args import shipped
from failmap.search.loading.fields import Schema


def test_every_key_of_a_trial_is_told() -> None:
    text = run_help()
    paths = [path for path in Schema.of_all_kinds().paths() if not path.endswith(".name")]
    assert [path for path in paths if path not in text] == []


def test_every_space_and_budget_is_told() -> None:
    text = run_help()
    assert all(f"  {name} " in text for name in [*shipped("space"), *shipped("budget"), *shipped("cluster")])
    assert "Which of torch" in text


def test_defaults_and_units_are_told() -> None:
    text = run_help()
    assert "update budget of one trial (whole number; default 1500)" in text
    assert "wall-clock minutes of a session" in text


def test_settings_of_one_task_say_whose_they_are() -> None:
    assert "(whole number or\n                              none; default none) [parity]" in run_help()


def test_resume_says_what_may_change() -> None:
    assert "budget.minutes" in resume_help()
    assert "train.clip_norm" not in resume_help()
    assert "run=NAME" in status_help()


def test_lines_fit_a_terminal() -> None:
    keys = [line for line in run_help().split("\n") if not line.startswith("  python")]
    assert max(map(len, keys)) <= WIDTH


def test_the_check_tells_its_own_words() -> None:
    text = check_help()
    assert all(word in text for word in ("range_test", "picture", "--json", "Exit status"))
    assert max(map(len, text.split("\n"))) <= WIDTH + 10


def test_the_default_space_of_a_file_is_told() -> None:
    text = " ".join(run_help().split())
    assert "task=array_file task.path=my.npz your own data; the default: space=my_data" in text
    assert "a network does my data need? (default for task=array_file)" in text


def test_rescue_and_ablation_tell_their_words(snapshot: SnapshotAssertion) -> None:
    assert rescue_help() == snapshot
    assert ablate_help() == snapshot
    lines = [line for line in rescue_help().split("\n") if not line.startswith("  python")]
    assert max(map(len, lines)) <= WIDTH + 10


def test_runs_on_clusters_tell_their_words(snapshot: SnapshotAssertion) -> None:
    texts = [status_help(), stop_help(), submit_help(), manifest_help()]
    assert texts == snapshot
    lines = [line for text in texts for line in text.split("\n") if "python -m" not in line]
    assert max(map(len, lines)) <= WIDTH + 10


def test_how_often_a_trial_is_started_again_is_told_by_what_ended_it() -> None:
    text = run_help()
    assert "cluster.retries.preempted" in text
    assert "{text: number, ...}" in text, "resources by name"

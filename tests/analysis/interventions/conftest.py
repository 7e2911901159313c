"""Runs with interventions."""

from collections.abc import Callable, Sequence
from typing import Any

import pytest

from failmap.analysis.interventions.comparisons import Comparison, Pairs
from failmap.analysis.load import Run, load_run
from failmap.analysis.verdict import Tally
from failmap.run_folder.records import Intervention, Outcome

LETTERS: dict[str, Outcome | None] = {
    "L": "learned", "F": "failed", "C": "censored", "E": "errored", ".": None,
}  # fmt: skip


@pytest.fixture(scope="session")
def try_out() -> Callable[..., None]:
    """Return a function that writes trials of one cell; in 'LLF' seeds 0 and 1 learned and 2 failed."""

    def write(
        run: Any,
        outcomes: str,
        length: int = 5,
        depth: int = 1,
        *,
        name: str | None = None,
        changes: dict[str, Any] | None = None,
        kind: Any = "rescue",
        cause: str = "",
        base: int = 0,
        seeds: Sequence[int] | None = None,
        **more: Any,
    ) -> None:
        changes = changes or {}
        intervention = None if name is None else Intervention(kind, name, changes, base, cause)
        config = {path.partition(".")[0]: {path.partition(".")[2]: value} for path, value in changes.items()}
        for seed, letter in zip(seeds or range(len(outcomes)), outcomes, strict=True):
            run.trial(
                LETTERS[letter], length, depth, seed=seed, intervention=intervention, config=config, **more
            )

    return write


@pytest.fixture
def rescued_run(make_run: Callable[..., Any], try_out: Callable[..., None]) -> Run:
    """Depth 2 learns up to length 5, with layer norm up to 20, and with clipping no further."""
    writer = make_run(lengths=[5, 20, 50])
    try_out(writer, "LLLLLL", 5, 2)
    layer_norm = {"changes": {"model.layer_norm": True}, "cause": "vanishing_in_depth"}
    clip = {"changes": {"train.clip_norm": 1.0}, "cause": "oscillating"}
    for length, normed in ((20, "LLLLL"), (50, "FFFFF")):
        try_out(writer, "FFFF", length, 2)
        try_out(writer, "F", length, 2, name="as_it_was", seeds=[4])
        try_out(writer, normed, length, 2, name="layer_norm", **layer_norm)
        try_out(writer, "FFFFF", length, 2, name="clip", **clip)
    return load_run(writer.folder)


@pytest.fixture(scope="session")
def compared() -> Callable[..., Comparison]:
    """Return a function that makes a comparison from the numbers of learned seeds before and after."""

    def make(name: str, before: int, after: int, trials: int = 5, **values: Any) -> Comparison:
        pairs = Pairs(
            Tally(before, trials), Tally(after, trials), max(0, after - before), max(0, before - after)
        )
        return Comparison(
            **{"cell": ("5", "1"), "base": 0, "cause": "", "changes": {}, **values}, name=name, pairs=pairs
        )

    return make

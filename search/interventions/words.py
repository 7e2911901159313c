"""What steps and cells are called on the terminal."""

from typing import get_args

from failmap.analysis.diagnosis import FIX_WORDS, FixName
from failmap.analysis.wording import label_text, setting_words
from failmap.search.interventions.plan import AS_IT_WAS, Case, Step
from failmap.search.space import Cell

_FIX_WORDS: dict[str, str] = {name: FIX_WORDS[name] for name in get_args(FixName)}


def step_words(step: Step) -> str:
    """What a step changes: 'layer norm', 'as it was'. What is taken away is called so in its own name."""
    return "as it was" if step.name == AS_IT_WAS else _FIX_WORDS.get(step.name, step.name)


def changes_words(step: Step) -> str:
    """What a step sets, as words of the command line."""
    if step.donor is not None:
        # A donor lies in the same row: only its place along x is another.
        path, label = step.donor.cell.labels[0]
        return f"model.start_from=a trial of {path}={label_text(label)}"
    return " ".join(f"{path}={label_text(value)}" for path, value in step.changes.items())


def cell_words(cell: Cell) -> str:
    """A cell as `cell=` takes it."""
    return ",".join(f"{path}={label_text(label)}" for path, label in cell.labels)


def case_words(case: Case) -> list[str]:
    """What a case is called, in parts: 'depth 5', 'sequence length 100'; 'trial 12'."""
    if case.kind == "ablation":
        return [f"trial {case.base}"]
    return [setting_words(path, label) for path, label in reversed(case.cell.labels)]

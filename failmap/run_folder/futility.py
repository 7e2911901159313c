"""The rules by which a run's hopeless trials are stopped, as its folder lists them."""

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass

from failmap.run_folder.parsing import Checked, Count, ParseError, parse
from failmap.run_folder.paths import RunFolder
from failmap.run_folder.storage import AnyPath, store_of, write_atomically

#: A box of sizes that were tried: the least and the largest value by dotted path.
Box = dict[str, tuple[float, float]]


@dataclass(frozen=True)
class RuleNote(Checked):
    """An entry of futility/rules.json.

    Attributes:
        family: Digest of what its trainings share: all settings but sizes, the number of evaluations, and how
            often a stop may be wrong.
        boxes: Sizes that were tried.
        num_shipped, num_own: Curves that it was calibrated on: shipped ones, and the run's own.
        stopped, wrong: How many of these curves it would have stopped, judged by what had not seen them, and
            how many of these learned. None are stopped if no rule stops few enough of those that learn.
        saved: Share of the updates of all that did not learn which it would have saved.
        p_learn: Probability that a trial which it stops would have learned.
    """

    family: str
    boxes: list[Box]
    num_shipped: Count
    num_own: Count
    stopped: float = 0.0
    wrong: float = 0.0
    saved: float = 0.0
    p_learn: float = 0.0

    @property
    def name(self) -> str:
        """Return the rule's name. Shards of a run give the same rule from shipped curves the same name."""
        return f"{self.family}-{self.num_own}"


def read_rule_notes(folder: RunFolder) -> list[RuleNote]:
    """Return the rules of a run; none if it has no list, or an unreadable one: only words rest on it."""
    path = folder.futility / "rules.json"
    if not store_of(path).exists(path):
        return []
    try:
        return parse(list[RuleNote], store_of(path).read(path), "a list of rules")
    except ParseError:
        return []


def rule_path(folder: RunFolder, name: str) -> AnyPath:
    """Return the path of a rule."""
    return folder.futility / f"{name}.npz"


def write_rule_notes(folder: RunFolder, notes: Sequence[RuleNote]) -> None:
    """Write the rules of a run. Raises OSError."""
    store_of(folder.path).make_folder(folder.futility)
    write_atomically(folder.futility / "rules.json", json.dumps([asdict(note) for note in notes], indent=1))

"""Write the curves that ship with Failmap from the truth tables: python -m benchmarks.edge.ship.

Complete tables that share all settings but sizes are one family. Scores and losses are those of the tables.
"""

import gzip
import json
import sys
from collections import defaultdict
from pathlib import Path

from benchmarks.edge.tables import NAMES as TABLES
from benchmarks.edge.tables import OTHER_RECIPES, Curve, Table
from benchmarks.edge.train import config_of
from failmap.search.futility.families import (
    Family,
    LongCurve,
    box_around,
    num_evaluations_of,
    settings_of,
    sizes_of,
)

FOLDER = Path(__file__).parents[2] / "search" / "futility" / "curves"


def main() -> int:
    """Write a file for each family."""
    FOLDER.mkdir(exist_ok=True)
    for family in families():
        # Without a time, so that the same curves are the same file.
        content = gzip.compress(family.to_json().encode("utf-8"), mtime=0)
        (FOLDER / f"{family.name}.jsonl.gz").write_bytes(content)
        print(f"{family.name}: {len(family.curves)} curves, {len(content) / 1e3:.0f} kB")
    return 0


def families() -> list[Family]:
    """Return a family for each set of settings among the complete tables, by the name of its first one."""
    tables: dict[str, list[Table]] = defaultdict(list)
    for name in TABLES:
        if not (table := Table(name)).num_missing:
            tables[json.dumps(_settings(table))].append(table)
    return [_family(several) for several in tables.values()]


def relatives(table: Table) -> list[Table]:
    """Return the tables of the same family, the table itself included."""
    others = (Table(name, table.path.parent) for name in (*TABLES, *OTHER_RECIPES) if name != table.name)
    return [table, *(other for other in others if _settings(other) == _settings(table))]


def _settings(table: Table) -> dict[str, object]:
    return settings_of(config_of(table, table.cells()[0], 0).model_dump(mode="json"))


def _family(tables: list[Table]) -> Family:
    boxes = []
    for table in tables:
        configs = [config_of(table, cell, 0).model_dump(mode="json") for cell in table.cells()]
        boxes.append(box_around([sizes_of(config) for config in configs]))
    num_evaluations = num_evaluations_of(configs[0])
    curves = [long_curve(table, curve) for table in tables for curve in table.curves()]
    return Family(tables[0].name, _settings(tables[0]), tuple(boxes), num_evaluations, tuple(curves))


def long_curve(table: Table, curve: Curve) -> LongCurve:
    """Return a training of a table as its family has it."""
    named = dict(zip(table.config.space.map_paths, curve.labels, strict=True))
    sizes = tuple(value for _, value in sorted(named.items()))
    every = curve.updates / len(curve.scores)
    at = None if curve.learned_at is None else round(curve.learned_at / every)
    return LongCurve(sizes, tuple(score / 1000 for score in curve.scores), curve.losses, at)


if __name__ == "__main__":
    sys.exit(main())

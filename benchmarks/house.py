"""How the code is laid out: the sizes of its modules, what imports what, and what its lines are.

    python -m benchmarks.house [folder=.] [other=FOLDER]

Prints a table with a column for each folder, so that two revisions stand side by side, and below it each
folder's longest chain of imports and its circles. The code is read, not run, and links are not followed.

A module is a file with a subject of its own: neither `__init__` nor `__main__`, nor an entry that only starts
what it imports. An import counts for the file that the statement names: what a package's `__init__` passes on
counts as an import of the `__init__`. Imports under TYPE_CHECKING are never carried out, and count only where
all imports do. A circle is a group of files that all import each other, directly or through others; in the
longest chain it counts as one file.
"""

import statistics
import sys
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from benchmarks.house_modules import Module, Moment, module_meant, read_modules
from benchmarks.import_graph import Graph, circles, longest_chain

PARTS = ("search", "analysis", "datasets", "models", "failmap/run_folder", "tests", "benchmarks")
PRODUCT = ("search", "analysis", "datasets", "models", "failmap")
SMALL_LINES = 50

#: A figure's name, and the figure.
Row = tuple[str, str]


@dataclass(frozen=True)
class House:
    """The code in one folder."""

    folder: Path

    def rows(self) -> Iterator[Row]:
        """Yield every figure, in the order of the table."""
        for part in PARTS:
            yield from _sizes(part, read_modules(self.folder, part))
        yield from self._single_importers()
        yield from self._loose_modules()
        yield "longest chain of imports at module level: files", str(len(longest_chain(self._at_start)))
        yield "circles of imports at module level", _told(circles(self._at_start))
        yield "circles of all imports", _told(circles(self._at_any_time))
        yield from self._lines()

    def notes(self) -> Iterator[str]:
        """Yield the members of the longest chain, and those of each circle."""
        yield f"Longest chain: {' > '.join(longest_chain(self._at_start))}"
        for circle in circles(self._at_any_time):
            yield f"Circle: {', '.join(sorted(circle))}"

    def imports(self, *moments: Moment) -> Graph:
        """Return what each file of the product imports of the others at these moments."""
        graph: dict[str, set[str]] = {}
        for name, module in self._product.items():
            wanted = (imported for imported in module.imports if imported.moment in moments)
            targets = {module_meant(imported, self._product) for imported in wanted}
            graph[name] = {target for target in targets if target not in (None, name)}
        return graph

    @cached_property
    def _product(self) -> dict[str, Module]:
        return {module.name: module for part in PRODUCT for module in read_modules(self.folder, part)}

    @cached_property
    def _at_start(self) -> Graph:
        return self.imports("start")

    @cached_property
    def _at_any_time(self) -> Graph:
        return self.imports("start", "call", "never")

    def _single_importers(self) -> Iterator[Row]:
        importers: dict[str, list[str]] = defaultdict(list)
        for name, targets in self._at_any_time.items():
            for target in targets:
                importers[target].append(name)
        single = [
            importers[name][0]
            for name, module in self._product.items()
            if module.is_counted
            and module.path.parts[0] in ("search", "analysis")
            and len(importers[name]) == 1
        ]
        num_packages = sum(self._product[importer].path.stem == "__init__" for importer in single)
        yield "search, analysis: modules that one file imports", str(len(single))
        yield "- where that file is an `__init__`", str(num_packages)

    def _loose_modules(self) -> Iterator[Row]:
        loose = [module for module in self._product.values() if module.path.parent == Path("search")]
        yield "loose modules in search/", str(sum(module.is_counted for module in loose))
        yield "- with `__init__` and entries", str(len(loose))

    def _lines(self) -> Iterator[Row]:
        kinds = sum((module.kinds_of_lines for module in self._product.values()), Counter[str]())
        yield "product: lines", f"{kinds.total():,}"
        for kind in ("docstring", "comment", "blank", "code"):
            yield f"- {kind}", f"{kinds[kind]:,}"
        yield "tests: lines", f"{sum(module.num_lines for module in read_modules(self.folder, 'tests')):,}"


def table(houses: Sequence[House]) -> str:
    """Return the figures as Markdown, a column for each house."""
    lines = [["", *(str(house.folder) for house in houses)], ["---"] * (len(houses) + 1)]
    lines += (
        [rows[0][0], *(figure for _, figure in rows)]
        for rows in zip(*(house.rows() for house in houses), strict=True)
    )
    return "\n".join(f"| {' | '.join(cells)} |" for cells in lines)


def _sizes(part: str, files: Sequence[Module]) -> Iterator[Row]:
    modules = [module for module in files if module.is_counted]
    sizes = [module.num_lines for module in modules]
    median = largest = share = "-"
    if modules:
        median = f"{statistics.median(sizes):g}"
        giant = max(modules, key=lambda module: module.num_lines)
        largest = f"{giant.num_lines} {giant.path}"
        share = f"{sum(size < SMALL_LINES for size in sizes) / len(sizes):.0%}"
    yield f"{part}: modules", str(len(modules))
    yield f"{part}: median lines", median
    yield f"{part}: largest module, lines", largest
    yield f"{part}: modules under {SMALL_LINES} lines", share


def _told(groups: Sequence[frozenset[str]]) -> str:
    return f"{len(groups)} (files: {', '.join(str(len(group)) for group in groups)})" if groups else "0"


def main() -> None:
    """Print the table, and below it the longest chain and the circles of each folder."""
    words = dict(word.partition("=")[::2] for word in sys.argv[1:])
    if unknown := words.keys() - {"folder", "other"}:
        sys.exit(f"unknown: {', '.join(sorted(unknown))}; known: folder, other")
    folders = [words.get("folder", "."), *([words["other"]] if "other" in words else [])]
    houses = [House(Path(folder)) for folder in folders]
    print(table(houses))
    for house in houses:
        print(f"\n{house.folder}\n")
        print("\n".join(f"- {note}" for note in house.notes()))


if __name__ == "__main__":
    main()

"""Measure the layout of the code: sizes of modules, imports between them, and kinds of lines.

    python -m benchmarks.house [folder=.] [other=FOLDER]

Prints a table with a column for each folder, to compare two revisions, then each folder's longest chain of
imports and its import cycles. The code is parsed, not run, and links are not followed.

`__init__`, `__main__` and entries that only start what they import do not count as modules. An import counts
for the file that the statement names, so a name re-exported by a package counts as an import of its
`__init__`. Imports under TYPE_CHECKING are never executed, and count only among all imports. In the longest
chain a cycle counts as one file.
"""

import statistics
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from benchmarks.arguments import parse_arguments
from benchmarks.house_modules import Module, Moment, read_modules, target_of
from benchmarks.import_graph import Graph, cycles, longest_chain
from benchmarks.results_file import table as markdown_table

PARTS = ("search", "analysis", "datasets", "models", "failmap/run_folder", "tests", "benchmarks")
PRODUCT = ("search", "analysis", "datasets", "models", "failmap")
SMALL_LINES = 50

#: Name and value of a figure.
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
        yield "import cycles at module level", _counted(cycles(self._at_start))
        yield "cycles of all imports", _counted(cycles(self._at_any_time))
        yield from self._lines()

    def notes(self) -> Iterator[str]:
        """Yield the members of the longest chain and of each cycle."""
        yield f"Longest chain: {' > '.join(longest_chain(self._at_start))}"
        for cycle in cycles(self._at_any_time):
            yield f"Cycle: {', '.join(sorted(cycle))}"

    def imports(self, *moments: Moment) -> Graph:
        """Return the product files that each product file imports at these moments."""
        graph: dict[str, set[str]] = {}
        for name, module in self._product.items():
            wanted = (imported for imported in module.imports if imported.moment in moments)
            targets = {target_of(imported, self._product) for imported in wanted}
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
    rows = zip(*(house.rows() for house in houses), strict=True)
    return markdown_table(
        ["", *(str(house.folder) for house in houses)],
        [[figures[0][0], *(value for _, value in figures)] for figures in rows],
    )


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


def _counted(groups: Sequence[frozenset[str]]) -> str:
    return f"{len(groups)} (files: {', '.join(str(len(group)) for group in groups)})" if groups else "0"


def main() -> None:
    """Print the table, then the longest chain and the cycles of each folder."""
    asked = parse_arguments(folder=".", other="")
    houses = [House(Path(folder)) for folder in (asked.folder, asked.other) if folder]
    print(table(houses))
    for house in houses:
        print(f"\n{house.folder}\n")
        print("\n".join(f"- {note}" for note in house.notes()))


if __name__ == "__main__":
    main()

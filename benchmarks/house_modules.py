"""Python files as text and syntax trees: kinds of their lines, and their imports.

Nothing is imported or run, so any revision of the project can be read, whatever it depends on.
"""

import ast
import io
import os
import tokenize
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Literal

#: When an import is executed: with its module, in a call of a function, or never (TYPE_CHECKING).
Moment = Literal["start", "call", "never"]
_ImportStatement = ast.Import | ast.ImportFrom
_Function = ast.FunctionDef | ast.AsyncFunctionDef


@dataclass(frozen=True)
class Import:
    """One imported name.

    Attributes:
        candidates: dotted names of the modules it may come from, longest first: `from a import b` means the
            module a.b if there is one, otherwise a name in a.
        moment: when the import is executed.
    """

    candidates: tuple[str, ...]
    moment: Moment


@dataclass(frozen=True)
class Module:
    """One Python file.

    Attributes:
        path: relative to the project, such as search/cost/layers.py.
        text: content of the file.
    """

    path: Path
    text: str

    @cached_property
    def name(self) -> str:
        """Dotted name by which it is imported."""
        return self.package if self.path.stem == "__init__" else ".".join(self.path.with_suffix("").parts)

    @property
    def package(self) -> str:
        """Dotted name of its folder."""
        return ".".join(self.path.parent.parts)

    @cached_property
    def tree(self) -> ast.Module:
        """Syntax tree."""
        return ast.parse(self.text, str(self.path))

    @property
    def num_lines(self) -> int:
        """Number of lines of any kind."""
        return len(self.text.splitlines())

    @property
    def is_entry(self) -> bool:
        """Return whether it only starts what it imports: only a `__main__` block follows the imports."""
        rest = [node for node in self.tree.body if not isinstance(node, _ImportStatement)]
        if ast.get_docstring(self.tree) is not None:
            rest = rest[1:]
        return len(rest) == 1 and isinstance(rest[0], ast.If) and "__main__" in ast.unparse(rest[0].test)

    @cached_property
    def is_counted(self) -> bool:
        """Return whether it counts as a module: it is neither `__init__` nor `__main__` nor an entry."""
        return self.path.stem not in ("__init__", "__main__") and not self.is_entry

    @property
    def kinds_of_lines(self) -> Counter[str]:
        """Number of docstring, comment, blank and code lines; code followed by a comment is code."""
        lines = enumerate(self.text.splitlines(), start=1)
        kinds = {number: "code" if line.strip() else "blank" for number, line in lines}
        kinds |= dict.fromkeys(_comments(self.text), "comment")
        kinds |= dict.fromkeys(_docstrings(self.tree), "docstring")
        return Counter(kinds.values())

    @cached_property
    def imports(self) -> tuple[Import, ...]:
        """All imported names, including those inside functions."""
        return tuple(
            Import(candidates, moment)
            for node, moment in _import_statements(self.tree, "start")
            for candidates in _candidates(node, self.package)
        )


def read_modules(project: Path, folder: str) -> list[Module]:
    """Return the Python files in a folder of the project, ordered by path. Links are not followed."""
    found: list[Path] = []
    for root, _, files in os.walk(project / folder):
        paths = [Path(root, name) for name in files if name.endswith(".py")]
        found += [path for path in paths if not path.is_symlink()]
    return [Module(path.relative_to(project), path.read_text(encoding="utf-8")) for path in sorted(found)]


def target_of(wanted: Import, modules: Mapping[str, Module], prefix: str = "failmap.") -> str | None:
    """Return the name of the module that an import refers to, or None if it is not among `modules`.

    Top-level packages may also be imported with the prefix: failmap.search.run is search.run.
    """
    names = (name for full in wanted.candidates for name in (full, full.removeprefix(prefix)))
    return next((name for name in names if name in modules), None)


def _import_statements(node: ast.AST, moment: Moment) -> Iterator[tuple[_ImportStatement, Moment]]:
    if isinstance(node, _ImportStatement):
        yield node, moment
    elif isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test):
        for statement in node.body:
            yield from _import_statements(statement, "never")
        for statement in node.orelse:
            yield from _import_statements(statement, moment)
    else:
        for child in ast.iter_child_nodes(node):
            yield from _import_statements(child, "call" if isinstance(node, _Function) else moment)


def _candidates(node: _ImportStatement, package: str) -> Iterator[tuple[str, ...]]:
    """Yield the candidate modules of each name in a statement. Leading dots are relative to `package`."""
    if isinstance(node, ast.Import):
        yield from ((alias.name,) for alias in node.names)
        return
    parts = package.split(".")
    above = parts[: len(parts) - node.level + 1] if node.level else []
    source = ".".join([*above, *([node.module] if node.module else [])])
    yield from ((f"{source}.{alias.name}", source) for alias in node.names)


def _docstrings(tree: ast.Module) -> Iterator[int]:
    """Yield the line numbers of all docstrings."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Module | ast.ClassDef | _Function) and ast.get_docstring(node) is not None:
            first = node.body[0]
            yield from range(first.lineno, (first.end_lineno or first.lineno) + 1)


def _comments(text: str) -> Iterator[int]:
    """Yield the line numbers of pure comment lines."""
    # The tokenizer ignores a # inside a string.
    for token in tokenize.generate_tokens(io.StringIO(text).readline):
        if token.type == tokenize.COMMENT and token.line.strip() == token.string:
            yield token.start[0]

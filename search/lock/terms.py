"""The terms of a run's drivers: numbered files, each of which only one driver can create.

As in consensus protocols (Ongaro and Ousterhout 2014, Raft, section 5.1) each driver holds the run for one
term, and a term is over once there is the next one. Terms are created under a condition that disks and object
stores both know (only where there is none), and are never removed, so that of any number of rivals one wins,
wherever the others were held up. Only its holder writes a term's file again.
"""

import json
from dataclasses import dataclass
from typing import Any

from failmap.analysis.errors import UserError
from failmap.analysis.parsing import ParseError, Plain, parse
from failmap.analysis.run_folder import RunFolder
from failmap.analysis.storage import AnyPath, store_of
from failmap.search.lock.owner import Owner

#: A term has some 200.
_MAX_BYTES = 100_000


class SupersededError(UserError):
    """Another driver holds the run by now: nothing may be written any more."""


@dataclass(frozen=True)
class Term:
    """What a term's file says.

    Attributes:
        number: from 1.
        owner: who holds it; None where the file was torn by a crash, or says something else.
        token: drawn for this term alone: after somebody has removed the files, numbers begin anew.
        is_released: the holder has given it back.
        content: all of it: it changes with every beat.
    """

    number: int
    owner: Owner | None
    token: str
    is_released: bool
    content: bytes


class Terms:
    """All terms of one run. Every method may raise OSError."""

    def __init__(self, folder: RunFolder) -> None:
        self.folder = folder
        self._store = store_of(folder.path)

    def path(self, number: int) -> AnyPath:
        """The file of a term."""
        return self.folder.lock / f"{number}.json"

    def is_there(self, number: int) -> bool:
        """Whether somebody holds this term or has held it."""
        return self._store.exists(self.path(number))

    def last(self) -> Term | None:
        """The term that counts; None where nobody has driven the run yet."""
        # None is ever removed: so the last one is found by doubling and halving.
        above = 1
        while self.is_there(above):
            above *= 2
        below = above // 2
        while above - below > 1:
            middle = (above + below) // 2
            below, above = (middle, above) if self.is_there(middle) else (below, middle)
        return self.read(below) if below else None

    def read(self, number: int) -> Term | None:
        """One term; None where there is none."""
        try:
            content = self._store.read(self.path(number), _MAX_BYTES)
        except FileNotFoundError:
            return None
        try:
            values = parse(dict[str, Plain], content)
        except ParseError:
            values = {}
        token, is_released = str(values.get("token", "")), values.get("released") is True
        return Term(number, Owner.from_values(values), token, is_released, content)

    def create(self, number: int, owner: Owner, token: str) -> bool:
        """Begins a term. False where somebody else was quicker."""
        self._store.make_folder(self.folder.lock)
        return self._store.create(self.path(number), _content(owner, token, beat=0))

    def write(self, number: int, owner: Owner, token: str, *, beat: int, is_released: bool = False) -> None:
        """Writes the holder's own term again."""
        content = _content(owner, token, beat=beat, **({"released": True} if is_released else {}))
        self._store.write(self.path(number), content, survives_power_loss=is_released)


def _content(owner: Owner, token: str, **values: Any) -> bytes:
    return json.dumps({**owner.to_values(), "token": token, **values}).encode()

"""Check that another revision trains identically, by digests of one trial of every shipped space.

    python -m benchmarks.histories [folder=.] [spaces=smoke,control] [save=FILE.json] [against=FILE.json]
                                   [at_once=2]

`folder` holds the revision whose code runs. Save the digests of one revision and compare another one against
them on the same machine with the same versions: floats differ between processors and between releases of
torch. The exit status is 1 if a space did not run, or if its history or record differs from the saved one.
"""

import json
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict
from pathlib import Path

from benchmarks.arguments import parse_arguments
from benchmarks.one_trial import NotRunError, Traces, run_one_trial

Saved = Mapping[str, Traces]


def main() -> None:
    """Run the spaces, print a row for each, and save or compare their digests."""
    asked = parse_arguments(folder=".", spaces="", save="", against="", at_once=2)
    folder = Path(asked.folder).resolve()
    spaces = asked.spaces.split(",") if asked.spaces else shipped_spaces(folder)
    expected = _load(Path(asked.against)) if asked.against else None
    print("| space | outcome | evaluations | history | record |" + (" compared |" if expected else ""))
    print("|---|---|---|---|---|" + ("---|" if expected else ""))
    found: dict[str, Traces] = {}
    is_well = True
    for space, traces in run_all(spaces, folder, asked.at_once):
        cells = [space, *_cells(traces)]
        if isinstance(traces, Traces):
            found[space] = traces
        if expected is not None:
            cells.append(verdict(found.get(space), expected.get(space)))
        is_well &= space in found and (expected is None or found[space] == expected.get(space))
        print(f"| {' | '.join(cells)} |", flush=True)
    if asked.save:
        values = {space: asdict(traces) for space, traces in found.items()}
        Path(asked.save).write_text(json.dumps(values, indent=1) + "\n", encoding="utf-8")
    sys.exit(0 if is_well else 1)


def shipped_spaces(folder: Path) -> list[str]:
    """Return the names of the spaces that the revision in `folder` ships."""
    return sorted(path.stem for path in (folder / "search").rglob("conf/space/*.yaml"))


def run_all(
    spaces: Sequence[str], folder: Path, num_at_once: int
) -> Iterator[tuple[str, Traces | NotRunError]]:
    """Run one trial of each space, a few at a time, and yield its digests or its error."""
    with tempfile.TemporaryDirectory() as scratch, ThreadPoolExecutor(num_at_once) as pool:

        def run(space: str) -> Traces | NotRunError:
            try:
                return run_one_trial(space, folder, Path(scratch))
            except NotRunError as reason:
                return reason

        yield from zip(spaces, pool.map(run, spaces), strict=True)


def verdict(found: Traces | None, expected: Traces | None) -> str:
    """Return 'same', or how a space differs from its saved digests."""
    if expected is None:
        return "not saved"
    if found is None:
        return "not run"
    differing = [key for key, value in asdict(found).items() if value != getattr(expected, key)]
    return f"differs: {', '.join(differing)}" if differing else "same"


def _cells(traces: Traces | NotRunError) -> list[str]:
    if isinstance(traces, NotRunError):
        return [f"not run: {traces}", "", "", ""]
    return [traces.outcome, str(traces.num_evaluations), traces.history, traces.record]


def _load(path: Path) -> Saved:
    values = json.loads(path.read_text(encoding="utf-8"))
    return {space: Traces(**traces) for space, traces in values.items()}


if __name__ == "__main__":
    main()

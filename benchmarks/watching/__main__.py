"""Measure what `failmap.watch` costs beside the bare loop, and what other tools cost.

    python -m benchmarks.watching [steps=5000] [networks=2x128,1x64] [parts=watched,validated,memory]
        [memory_steps=100000] [others=FOLDER,...] [jobs=1]

Other tools are measured on the last network if `parts` has `lightning` or `cockpit`, and `others` the folders
that they were installed into by `pip install --target`. They take a fifth of the steps.
"""

import json
import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from benchmarks.arguments import parse_arguments
from benchmarks.results_file import write_results
from benchmarks.watching.memory import Growth, growth
from benchmarks.watching.page import TITLE, as_body

#: Parts that need a folder of `others`, and the share of the steps that they make.
OTHERS, OTHERS_SHARE = ("lightning", "cockpit"), 5
OURS = ("watched", "validated")


def main() -> None:
    """Run all parts in processes of their own and write the page; exit with a line if a part is unknown."""
    asked = parse_arguments(
        steps=5000,
        networks="2x128,1x64",
        parts="watched,validated,memory",
        memory_steps=100_000,
        others="",
        jobs=1,
    )
    parts, networks = asked.parts.split(","), asked.networks.split(",")
    if unknown := [part for part in parts if part not in (*OURS, *OTHERS, "memory")]:
        sys.exit(f"unknown parts: {', '.join(unknown)}; known: {', '.join((*OURS, *OTHERS, 'memory'))}")
    tasks = [(part, network, asked.steps) for network in networks for part in OURS if part in parts]
    tasks += [(part, networks[-1], asked.steps // OTHERS_SHARE) for part in OTHERS if part in parts]
    with ThreadPoolExecutor(asked.jobs) as pool:
        memory = [
            pool.submit(growth, asked.memory_steps, is_watched=is_watched)
            for is_watched in (False, True)
            if "memory" in parts
        ]
        answers = list(pool.map(lambda task: _run(*task, asked.others), tasks))
    rows: list[dict[str, Any]] = []
    failed: dict[str, str] = {}
    for (part, network, _), answer in zip(tasks, answers, strict=True):
        if isinstance(answer, str):
            failed[f"{part} {network}"] = answer
        else:
            rows += answer
    grown: dict[str, Growth] = dict(zip(("bare", "watched"), [one.result() for one in memory], strict=False))
    write_results("watching", TITLE, as_body(rows, grown, asked.memory_steps, failed))


def _run(part: str, network: str, steps: int, others: str) -> list[dict[str, Any]] | str:
    """Return the rows of one part, or the last line of its error."""
    command = [sys.executable, "-m", "benchmarks.watching.part", part, network, str(steps)]
    path = [str(Path(folder).resolve()) for folder in others.split(",") if folder and part in OTHERS]
    environment = {
        **os.environ,
        "OMP_NUM_THREADS": "1",
        "OPENBLAS_NUM_THREADS": "1",
        "PYTHONPATH": os.pathsep.join([*path, os.environ.get("PYTHONPATH", "")]),
    }
    ended = subprocess.run(command, capture_output=True, text=True, env=environment, check=False)
    if ended.returncode:
        return ended.stderr.strip().rpartition("\n")[2]
    rows: list[dict[str, Any]] = json.loads(ended.stdout.splitlines()[-1])
    print(json.dumps(rows), file=sys.stderr, flush=True)
    return rows


if __name__ == "__main__":
    main()

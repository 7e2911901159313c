"""The command that names the best recipes of a run, and gives them away."""

import json
from collections.abc import Sequence

from failmap.run_folder.errors import UserError
from failmap.search.commands.help import JSON, RUN, STORAGE, HelpPage, Section
from failmap.search.loading.cli_args import read_run_arguments

#: What `as=` may ask for, and what it prints.
_FORMS = {
    "all": "the ranking, and the named recipe in every form",
    "yaml": "a space file of the recipe alone, which `failmap run space=FILE` trains again",
    "arguments": "the recipe as arguments",
    "torch": "a module, its optimizer and an update in PyTorch, for stacks that torch itself has",
    "snippet": "how its weights are loaded",
}


def best(arguments: Sequence[str], as_json: bool = False) -> int:
    """Rank the recipes of a run of goal=best, with intervals over fresh seeds, and print the best one as
    YAML, as arguments, as lines of PyTorch, and as weights. Change nothing.

    The place is by the mean over all seeds. The interval (Student's, 95 %) is over fresh seeds alone: the
    first one chose the recipe among many, and flatters it. Named is the recipe with the best mean less its
    standard error, so that one lucky seed does not win over many good ones.
    """
    settings = read_run_arguments(arguments, ("top", "recipe", "as"))
    form, problems = settings.get("as", "all"), []
    if form not in _FORMS:
        problems.append(f"as={form}: must be one of {', '.join(_FORMS)}")
    numbers = {
        key: _whole(key, settings.get(key), least, problems) for key, least in (("top", 1), ("recipe", 0))
    }
    if problems:
        raise UserError(*problems)
    # Not imported above: pandas and rich delay the message about a typo.
    from failmap.analysis.best.leaderboard import best_line, first_rows, leaderboard_of, rows_of
    from failmap.analysis.load import find_run, load_run
    from failmap.search.terminal.best_view import ranking_table
    from failmap.search.terminal.view import SafeConsole
    from failmap.search.tuning.taken_away import take_away

    run = load_run(find_run(settings["run"], settings["storage"]))
    if not run.config.objectives:
        raise UserError(
            f"run={run.folder.name}: draws a map (failmap report); best is for runs of goal=best, "
            "which search over all axes"
        )
    board = leaderboard_of(run)
    named = board.best
    if numbers["recipe"] is not None:
        named = next((one for one in board.recipes if one.recipe_index == numbers["recipe"]), None)
        if named is None:
            known = ", ".join(str(one.recipe_index) for one in board.recipes[:5])
            raise UserError(f"recipe={numbers['recipe']}: has no trial with a value; the first are {known}")
    if named is None:
        raise UserError(f"run={run.folder.name}: {best_line(board).lower()}")
    taken = take_away(run, board, named)
    top = numbers["top"] or 10
    if as_json:
        rows = rows_of(run, board)[: len(first_rows(board, top))]
        content = {
            "schema": 1,
            "run": run.folder.name,
            "objectives": [{"name": one.name, "direction": one.direction} for one in board.objectives],
            "best": named.recipe_index,
            "is_confirmed": named.is_confirmed,
            "recipes": rows,
            "trial": taken.trial,
            "yaml": taken.yaml,
            "arguments": taken.arguments,
            "torch": taken.torch or None,
            "weights": list(taken.weights),
        }
        print(json.dumps(content, indent=1, allow_nan=False))
        return 0
    if form != "all":
        text = getattr(taken, form)
        if not text:
            why = taken.why_not_torch if form == "torch" else "no weights of it are kept (keep=best)"
            raise UserError(f"as={form}: recipe {named.recipe_index}: {why}")
        print(text.rstrip("\n"))
        return 0
    console = SafeConsole()
    console.print_line(run.config.question)
    console.print(ranking_table(board, len(first_rows(board, top))))
    console.print_line(best_line(board))
    title = f"Recipe {named.recipe_index}, trial {taken.trial}"
    for name, text in (
        (f"{title}, as YAML", taken.yaml),
        (f"{title}, as arguments", taken.arguments),
        (f"{title}, in PyTorch", taken.torch or f"(not written: {taken.why_not_torch})"),
        (f"{title}, its weights", taken.snippet or "(none are kept)"),
    ):
        print(f"\n--- {name}\n{text.rstrip()}")
    return 0


def _whole(key: str, text: str | None, least: int, problems: list[str]) -> int | None:
    if text is None:
        return None
    if not text.isdecimal() or int(text) < least:
        problems.append(f"{key}={text}: must be a whole number, at least {least}")
        return None
    return int(text)


def best_help() -> HelpPage:
    """Return the help of `best`."""
    keys = [
        RUN,
        STORAGE,
        (
            "top",
            "how many recipes are listed (whole number; default 10); of several objectives all of the front",
        ),
        ("recipe", "the recipe that is printed, by its index (default: the best one)"),
        ("as", "what is printed: " + "; ".join(f"{name}: {text}" for name, text in _FORMS.items())),
        JSON,
    ]
    examples = [
        ("run=best_lstm", "the ranking, and the best recipe in every form"),
        ("run=best_lstm as=torch > best.py", "the best recipe in PyTorch"),
        ("run=best_lstm recipe=7 as=yaml > seven.yaml", "another one, as a space that trains it again"),
    ]
    return HelpPage(best, "run=NAME [KEY=VALUE ...]", examples, [Section("Arguments:", keys)])

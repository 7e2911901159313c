"""The command that ranks the recipes of a run, and prints the best one in every form."""

import json
from collections.abc import Sequence
from typing import TYPE_CHECKING

from failmap.run_folder.errors import UserError
from failmap.search.commands.help import JSON, RUN, STORAGE, HelpPage, Section
from failmap.search.loading.cli_args import read_run_arguments

if TYPE_CHECKING:
    from failmap.analysis.best.leaderboard import Leaderboard
    from failmap.analysis.best.ranking import RankedRecipe
    from failmap.analysis.load import Run
    from failmap.search.tuning.export import ExportedRecipe

#: Recipes that are listed.
_TOP = 10
#: The values of `as=`, and what each prints.
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
    from failmap.analysis.best.leaderboard import best_line, first_rows, leaderboard_of
    from failmap.analysis.load import find_run, load_run
    from failmap.search.terminal.best_view import ranking_table
    from failmap.search.terminal.view import SafeConsole
    from failmap.search.tuning.export import export_recipe

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
    exported = export_recipe(run, board, named)
    rows = first_rows(board, numbers["top"] or _TOP)
    if as_json:
        _print_json(run, board, named, exported, len(rows))
    elif form == "all":
        console = SafeConsole()
        console.print_line(run.config.question)
        console.print(ranking_table(board, len(rows)))
        console.print_line(best_line(board))
        _print_forms(named, exported)
    else:
        print(_form(named, exported, form))
    return 0


def _print_json(
    run: "Run", board: "Leaderboard", named: "RankedRecipe", exported: "ExportedRecipe", num_rows: int
) -> None:
    from failmap.analysis.best.leaderboard import rows_of

    content = {
        "schema": 1,
        "run": run.folder.name,
        "objectives": [{"name": one.name, "direction": one.direction} for one in board.objectives],
        "best": named.recipe_index,
        "is_confirmed": named.is_confirmed,
        "recipes": rows_of(run, board)[:num_rows],
        "trial": exported.trial,
        "yaml": exported.yaml,
        "arguments": exported.arguments,
        "torch": exported.torch or None,
        "weights": list(exported.weights),
    }
    print(json.dumps(content, indent=1, allow_nan=False))


def _print_forms(named: "RankedRecipe", exported: "ExportedRecipe") -> None:
    """Print a recipe in every form, each below a heading."""
    forms = {
        "as YAML": exported.yaml,
        "as arguments": exported.arguments,
        "in PyTorch": exported.torch or f"(not written: {exported.why_not_torch})",
        "its weights": exported.snippet or "(none are kept)",
    }
    for words, text in forms.items():
        print(f"\n--- Recipe {named.recipe_index}, trial {exported.trial}, {words}\n{text.rstrip()}")


def _form(named: "RankedRecipe", exported: "ExportedRecipe", form: str) -> str:
    """Return a recipe in one form. Raises UserError if it has no such form."""
    text: str = getattr(exported, form)
    if not text:
        why = exported.why_not_torch if form == "torch" else "no weights of it are kept (keep=best)"
        raise UserError(f"as={form}: recipe {named.recipe_index}: {why}")
    return text.rstrip("\n")


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
            f"how many recipes are listed (whole number; default {_TOP}); with several objectives the whole "
            "front",
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

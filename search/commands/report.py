"""The command that writes a run's report."""

from collections.abc import Sequence

from failmap.run_folder.command_lines import command_line
from failmap.run_folder.errors import UserError
from failmap.search.commands.arguments import read_run_arguments
from failmap.search.commands.help import JSON, STORAGE, HelpPage, Section


def help_page() -> HelpPage:
    """Return the command's help."""
    files = [
        ("trials.parquet", "all records, one row per trial (times in seconds of training)"),
        ("report/index.html", "self-contained: the failure map, and the curves behind every cell"),
        ("report/failure_map.png", "the map as a picture"),
        ("report/trials.csv", "the same rows; text that a spreadsheet would run is quoted by a '"),
        (
            "report/cells.csv",
            "one row per cell: state, counts, 95 % interval of P(learn), estimated seconds, cause",
        ),
        ("report/rescue.csv", "one row per fix that was tried: counts and intervals before and after, p"),
        ("causes.jsonl", "the verdicts on failed trials, which make the next report faster"),
    ]
    return HelpPage(
        "run=NAME [storage=FOLDER] [--json]",
        "Read a run, and write its table and its report into its folder. Start no training.",
        [("run=lstm_depth", "the report of one run")],
        [
            Section("Arguments:", [("run", "name of the run (required)"), STORAGE, JSON]),
            Section("Files, in the run's folder:", files, are_keys=False),
        ],
    )


def main(arguments: Sequence[str], as_json: bool = False) -> int:
    """Run the command and return its exit status. Raises UserError for a user's mistakes."""
    settings = read_run_arguments(arguments)
    if "," in settings["run"]:
        raise UserError(
            f"run={settings['run']}: a report is of one run; merge them first: "
            f"{command_line('merge', *arguments, 'into=NAME')}"
        )
    # Not imported above: pandas and matplotlib delay the message about a typo.
    from failmap.analysis.load import find_run
    from failmap.analysis.reporting import build

    report = build(find_run(settings["run"], settings["storage"]))
    if as_json:
        from failmap.search.commands.json_output import print_report

        print_report(report)
    else:
        print(f"report: {report.page}")
    return 0

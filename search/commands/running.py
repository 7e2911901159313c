"""The commands that train: `run` and `resume`."""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from time import monotonic
from typing import cast, get_args

from failmap.run_folder.command_lines import program
from failmap.run_folder.errors import UserError
from failmap.run_folder.paths import RunFolder
from failmap.run_folder.storage import check_location, parse_location, store_of, write_atomically
from failmap.search.commands.help import (
    RUN,
    HelpPage,
    Row,
    Section,
    group_sections,
    meaning,
    model_rows,
    run_rows,
)
from failmap.search.continuing.ends import to_train_on
from failmap.search.input_checks import check_all
from failmap.search.loading import (
    Request,
    differences,
    from_yaml,
    locate,
    read_request,
    resume_config,
    to_yaml,
    unresumable_differences,
)
from failmap.search.loading.cli_args import is_true, question_of, shipped
from failmap.search.loading.draft import PLAIN_KEYS
from failmap.search.loading.fields import KINDS, PARTS
from failmap.search.loading.request import DEFAULT_SPACE, DEFAULT_SPACE_OF_A_FILE, RUN_GROUPS, RUN_KEYS
from failmap.search.new_run import create_run_folder, report_disk_errors, resume_command
from failmap.search.own_parts import OWN_CODE_HELP, OwnCodeSource, own_code_from
from failmap.search.space import Space

_PLAN = (
    "plan",
    "show what would be done and what it costs, and start nothing (true or false; default false)",
)


def run(arguments: Sequence[str], as_json: bool = False) -> int:
    """Search where recurrent networks stop learning, and draw a failure map. A key with one value sets it. A
    key with several values becomes an axis, whose first value is the default; an axis of the space is
    replaced.
    """
    started = monotonic()
    request = read_request(arguments)
    config = request.config
    if as_json and not request.plan:
        raise UserError("--json: only a plan is printed as JSON: add plan=true")
    # Not imported above: rich delays the message about a typo.
    from failmap.search.terminal.view import SafeConsole

    console = SafeConsole(stderr=as_json)
    for note in request.notes:
        console.print_line(note)
    storage = parse_location(config.storage)
    check_location(storage)
    folder = RunFolder(storage / config.run)
    exists = _can_resume(request, folder)
    if not request.plan:
        # Checks import torch, and then comes Ray: it takes a while until the next line.
        console.print_line(f"run {folder.name}: {config.space.question}")
        console.print_line(f"{'continuing' if exists else 'beginning'} in {folder.path}")
    check_all(config)
    if not exists and not config.space.is_own:
        # Not imported above: torch delays the message about a typo.
        from failmap.search.preflight.run import brief_preflight, check_command

        for line in brief_preflight(config, check_command(arguments)):
            console.print_line(line)
    if request.plan:
        from failmap.search.run_status import read_trials

        trials = read_trials(folder) if exists else ()
        if as_json:
            from failmap.search.commands.json_output import print_plan

            print_plan(config, trials)
        else:
            from failmap.search.plan import show_plan

            show_plan(config, console, trials)
        return 0
    if not exists:
        create_run_folder(folder)
        with report_disk_errors(folder):
            write_atomically(folder.config, to_yaml(config))
    from failmap.search.driver import drive

    return drive(config, folder, command=[*program("run"), *arguments], started=started, console=console)


def _can_resume(request: Request, folder: RunFolder) -> bool:
    """Return whether the run exists and `resume=true` allows to continue it.

    Raises:
        UserError: The run exists, and `resume=true` is missing or its configuration differs.
    """
    if not store_of(folder.path).exists(folder.config):
        return False
    compare = unresumable_differences if request.resume else differences
    if changed := compare(from_yaml(folder.config), request.config):
        raise UserError(
            f"{folder.path} exists already, with another configuration: choose another name with run=NAME. "
            "These keys differ:",
            *changed,
        )
    if not request.resume:
        again = f"continue it with {resume_command(folder)}"
        raise UserError(f"{folder.path} exists already, with this configuration: {again}")
    return True


def run_help() -> HelpPage:
    """Return the help of `run`."""
    examples = [
        ("", f"the default: space={DEFAULT_SPACE}"),
        ("task=array_file task.path=my.npz", f"your own data; the default: space={DEFAULT_SPACE_OF_A_FILE}"),
        ("plan=true", "what would be done, and what it costs"),
        ("task=parity task.supervision=last budget.minutes=10", "another task, for ten minutes"),
        ("model.depth=1,2,5 train.learning_rate=3e-3,1e-3 seed=1", "other values on two axes"),
        (
            "train.learning_rate.low=1e-4 train.learning_rate.high=1e-1 train.learning_rate.log=true",
            "learning rates from a range",
        ),
        ("space=my_space.yaml budget=hour run=first_try", "a space of your own"),
        ("train=my_train.py:train space=my_space.yaml", "your own training function (docs/own_training.md)"),
    ]
    defaults = {DEFAULT_SPACE: " (default)", DEFAULT_SPACE_OF_A_FILE: " (default for task=array_file)"}
    spaces = [(name, question_of(name) + defaults.get(name, "")) for name in shipped("space")]
    settings = [
        ("space", "the search space: one of these names, or a path that ends in .yaml"),
        (
            "train",
            "your own training function, FILE.py:NAME or MODULE:NAME, called as train(config, trial); the "
            "axes of space= are then your own (docs/own_training.md)",
        ),
        *run_rows(*RUN_KEYS, "journal"),
        _PLAN,
        ("resume", "continue the run if it exists, as a job that is started again does; needs run="),
        ("map.x, map.y, map.facet", "the map's axes (dotted paths); map.facet=none: no facet"),
        *((key, meaning(Space.model_fields[key])) for key in PLAIN_KEYS),
        ("--json", "with plan=true: print the plan as JSON (docs/json.md)"),
    ]
    futility, halving = ([*model_rows(f"{name}.", RUN_GROUPS[name])] for name in ("futility", "halving"))
    sections = [
        Section("Spaces (space=NAME):", spaces, are_keys=False),
        Section("The run:", settings),
        *group_sections("budget"),
        *group_sections("cluster"),
        Section("Stopping of trials whose own curve is hopeless (docs/futility.md):", futility),
        Section("Early stopping by rank (pruner=halving):", halving),
        *_trial_sections(),
    ]
    return HelpPage(run, "[KEY=VALUE ...]", examples, sections)


def _trial_sections() -> Iterator[Section]:
    """Yield the keys of a trial: a key that several tasks or networks share once, with their names."""
    for group, kinds in KINDS.items():
        owners: dict[Row, list[str]] = defaultdict(list)
        for kind, model in kinds.items():
            for name, field in model.model_fields.items():
                if name != "name":
                    owners[f"{group}.{name}", meaning(field)].append(kind)
        rows = [(group, f"one of {', '.join(kinds)}")]
        for (key, text), names in owners.items():
            rows.append((key, text + (f" [{', '.join(names)}]" if len(names) < len(kinds) else "")))
        yield Section(f"{group.capitalize()}:", rows)
    for group, part in PARTS.items():
        yield Section(f"{group.capitalize()}:", [*model_rows(f"{group}.", part)])


def resume(arguments: Sequence[str]) -> int:
    """Continue a run: finished trials stay, interrupted ones continue from their checkpoints. Further values
    may be added to an axis, and failed trials trained on. Any other difference would make it another run.
    """
    started = monotonic()
    folder, changes = locate(arguments)
    own = dict(one.partition("=")[::2] for one in changes if one.startswith(("plan=", "own_code=")))
    changes = [one for one in changes if one.partition("=")[0] not in own]
    config = resume_config(from_yaml(folder.config), changes)
    is_planned = is_true(own, "plan", default=False)
    source = own.get("own_code", "files")
    if source not in get_args(OwnCodeSource):
        raise UserError(f"own_code={source}: must be {' or '.join(get_args(OwnCodeSource))}")
    # Not imported above: rich, and below torch, pandas and Optuna, delay the message about a typo.
    from failmap.search.terminal.view import SafeConsole

    console = SafeConsole()
    if not is_planned:
        console.print_line(f"run {folder.name}: continuing in {folder.path}")
    with own_code_from(cast(OwnCodeSource, source), folder, config.space):
        check_all(config)
        if is_planned:
            from failmap.analysis.load import load_run
            from failmap.search.plan import show_plan
            from failmap.search.run_status import read_trials

            if config.continue_to is not None:
                console.print_line(to_train_on(folder, load_run(folder).records, config.continue_to))
            show_plan(config, console, read_trials(folder))
            return 0
        from failmap.search.driver import drive

        typed = [*program("resume"), *arguments]
        return drive(config, folder, command=typed, started=started, console=console)


def resume_help() -> HelpPage:
    """Return the help of `resume`."""
    examples = [
        ("run=lstm_depth", "with what is left of the run's budget"),
        ("run=lstm_depth budget.minutes=30 budget.facets=none", "for half an hour, in all facets"),
        ("run=lstm_depth budget.minutes=30 plan=true", "what would be left to do, and what it costs"),
        ("run=lstm_depth train.learning_rate=3e-3,1e-3,1e-2,3e-2", "with more learning rates"),
        ("run=lstm_depth train.max_updates=3000", "training failed trials on, to 3,000 updates"),
        ("run=mine train=moved/my_train.py:train", "with an own training function that has moved"),
    ]
    journal = ("journal", "the run's database again, with its password, which is stored nowhere")
    moved = ("train", "an own training function whose file has moved: the same file and name elsewhere")
    own_code = ("own_code", f"{OWN_CODE_HELP} (files or copies; default files)")
    longer = ("train.max_updates", "updates to which failed trials are trained on; the map counts its own")
    keys = [RUN, *run_rows("storage", "keep"), longer, moved, own_code, journal, _PLAN]
    own = Section("What may change, besides further values on an axis:", keys)
    sections = [own, *group_sections("budget"), *group_sections("cluster")]
    return HelpPage(resume, "run=NAME [KEY=VALUE ...]", examples, sections)

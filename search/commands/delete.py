"""The command that deletes a run's folder. It asks nothing, so that it never hangs in a script."""

from collections.abc import Sequence

from failmap.run_folder.command_lines import command_line
from failmap.run_folder.errors import UserError
from failmap.run_folder.paths import RunFolder, is_trial_number
from failmap.run_folder.storage import store_of
from failmap.run_folder.wording import quantity
from failmap.search.commands.help import RUN, STORAGE, HelpPage, Section
from failmap.search.lease import acquire_lease
from failmap.search.loading import locate
from failmap.search.loading.cli_args import is_true, read_run_arguments
from failmap.search.terminal.view import SafeConsole


def delete(arguments: Sequence[str]) -> int:
    """Delete a run: its folder with all trials, weights and reports. Nothing is deleted without yes=true; the
    command then only says what would go. A run that is being driven is refused.

    Exit status: 0 if the run was deleted; 2 if it was not.
    """
    settings = read_run_arguments(arguments, ("yes",))
    is_confirmed = is_true(settings, "yes", default=False)
    where = [f"{key}={settings[key]}" for key in ("run", "storage")]
    folder, _ = locate(where)
    if not is_confirmed:
        raise UserError(
            f"{_content(folder)} would be deleted for good, and nothing was: to do so, "
            f"{command_line('delete', *where, 'yes=true')}"
        )
    content, console, store = _content(folder), SafeConsole(), store_of(folder.path)
    # Refused while a driver is alive, and held to the end, so that none begins meanwhile. The lease's file is
    # deleted as well: there is nothing to release.
    acquire_lease(folder, console.print_line)
    try:
        # The configuration last: what an interruption leaves is still a run, which this command takes.
        store.remove_tree(folder.trials)
        store.remove_tree(folder.path)
    except OSError as error:
        raise UserError(f"cannot delete {folder.path}: {error.strerror or error}; try again") from error
    console.print_line(f"deleted {content}")
    return 0


def delete_help() -> HelpPage:
    """Return the help of `delete`."""
    yes = ("yes", "delete; without it, only say what would go (true or false; default false)")
    examples = [
        ("run=first_try", "what would be deleted"),
        ("run=first_try yes=true", "delete it"),
    ]
    sections = [Section("Arguments:", [RUN, STORAGE, yes])]
    return HelpPage(delete, "run=NAME [storage=FOLDER] [yes=true]", examples, sections)


def _content(folder: RunFolder) -> str:
    """Describe what a run's folder holds: 'runs/x (12 trials, 3.1 MB)'."""
    store = store_of(folder.path)
    num_trials = sum(is_trial_number(name) for name in store.list_folders(folder.trials))
    # A file's state begins with its size: see `Files.list_files`.
    sizes = (state.partition(" ")[0] for state in store.list_files(folder.path).values())
    megabytes = sum(int(size) for size in sizes if size.isdecimal()) / 1e6
    return f"{folder.path} ({quantity(num_trials, 'trial')}, {megabytes:.1f} MB)"

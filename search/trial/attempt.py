"""Which start of a trial may write into its folder: after a driver's death its worker may outlive it."""

from failmap.analysis.errors import UserError
from failmap.analysis.run_folder import TrialFolder
from failmap.analysis.storage import read_text, write_atomically

_MAX_DIGITS = 9


def current_attempt(folder: TrialFolder) -> int:
    """The attempt that may write, from 1; 0 where the trial was never started.

    Raises:
        UserError: the file says something else.
        OSError: it cannot be read.
    """
    try:
        text = read_text(folder.attempt).strip()
    except FileNotFoundError:
        return 0
    except UnicodeDecodeError:
        text = ""
    if not text.isascii() or not text.isdecimal() or len(text) > _MAX_DIGITS:
        raise UserError(f"{folder.attempt}: not the number of an attempt")
    return int(text)


def begin_attempt(folder: TrialFolder, attempt: int) -> None:
    """Says that from now on only this attempt may write. The journal keeps the number for good."""
    write_atomically(folder.attempt, f"{attempt}\n", survives_power_loss=False)

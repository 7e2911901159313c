"""Foretells a map without training: python -m search.forecast run=NAME, or space=NAME key=value ..."""

from collections.abc import Sequence

from rich.text import Text

from failmap.analysis.errors import UserError, command
from failmap.analysis.storage import AnyPath
from failmap.search.commands.check import read_check_request
from failmap.search.config import RunConfig
from failmap.search.console import SafeConsole
from failmap.search.data import check_files
from failmap.search.loading import from_yaml, locate
from failmap.search.weights import check_weights

HELP = """python -m search.forecast run=NAME [storage=FOLDER]
python -m search.forecast space=NAME key=value ...

Says which cells will learn, from networks at their initialization. Trains nothing (docs/theory.md).

Of a run it writes forecast.json into the run's folder; its report then draws the line at P(learn) = 1/2
over the map, with the AUROC that it came to. Of a space, or of one trial (words as search.check
takes them), it shows the map and writes nothing.

  run      whose map to foretell: a run that exists
  storage  folder that holds runs (default runs)

Exit status: 0, or 2 for a mistake in the words.
"""


def main(words: Sequence[str]) -> int:
    """Runs the program over its words. Raises UserError for a user's mistakes."""
    if {"--help", "-h"} & set(words):
        print(HELP, end="")
        return 0
    config, folder = _asked_for(words)
    check_files(config)
    check_weights(config)
    # Here, not above: these bring torch and pandas along, and a typo is to be told at once.
    from failmap.analysis.theory.fit import shipped_fit
    from failmap.search.forecast.on_cells import foretell
    from failmap.search.forecast.rendering import forecast_picture

    console = SafeConsole()
    with console.status("") as status:
        forecast = foretell(config, shipped_fit(), on_cell=lambda name: status.update(f"looking at {name}"))
    console.print(forecast_picture(config.space, forecast), soft_wrap=True)
    if folder is not None:
        try:
            path = forecast.write(folder)
        except OSError as error:
            raise UserError(f"{folder}: cannot be written: {error.strerror or error}") from None
        console.print(Text(f"written to {path}; the run's report draws its line"), soft_wrap=True)
    return 0


def _asked_for(words: Sequence[str]) -> tuple[RunConfig, AnyPath | None]:
    """The configuration to look at; and the folder of the run that it is of, if it is one's."""
    if not any(word.startswith("run=") for word in words):
        return read_check_request(words).config, None
    folder, others = locate(words)
    if others:
        raise UserError(
            *(
                f"{word}: run={folder.name} has its own settings; leave out one or the other"
                for word in others
            )
        )
    return from_yaml(folder.config), folder.path


if __name__ == "__main__":
    command(main)

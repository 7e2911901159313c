"""What to try, as far as a trial has it."""

from failmap.search.loading.paths import Chosen
from failmap.search.trial.config import TrialConfig


def remedies(config: TrialConfig, *candidates: str) -> str:
    """Those of some remedies that a trial can take, in a row.

    Args:
        config: the trial's.
        candidates: settings such as 'model.residual=true', left out where no such path is; or plain words.
    """
    chosen = Chosen([config.task.name], [config.model.name])
    fitting = [one for one in candidates if "=" not in one or chosen.bears(one.partition("=")[0])]
    return ", or ".join(fitting)

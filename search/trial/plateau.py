"""The schedule that falls when the validation loss does not: torch's ReduceLROnPlateau."""

from failmap.search.trial.criterion import Progress
from failmap.search.trial.train_config import TrainConfig

#: torch's: a loss counts as lower by this share at least, and a smaller change of the rate is not made.
THRESHOLD, LEAST_CHANGE = 1e-4, 1e-8


def take_in(config: TrainConfig, progress: Progress, validation_loss: float) -> None:
    """Lowers `progress.rate_share` if the validation loss has not fallen for too many evaluations.

    All that it goes by is in the progress, so it survives a checkpoint, and is a function of the history.
    """
    if config.schedule != "plateau":
        return
    lowest = progress.lowest_loss
    if lowest is None or validation_loss < lowest * (1 - THRESHOLD):
        progress.lowest_loss, progress.stale = validation_loss, 0
        return
    progress.stale += 1
    if progress.stale <= config.plateau_patience:
        return
    progress.stale = 0
    share = max(progress.rate_share * config.plateau_factor, config.final_share)
    if (progress.rate_share - share) * config.peak_rate > LEAST_CHANGE:
        progress.rate_share = share

"""What keeps a trial from being trained on beyond its budget of updates."""

from failmap.search.own.config import AnyTrialConfig
from failmap.search.trial.config import TrialConfig

#: Schedules whose rate is a function of the update alone, or of the history.
_ENDLESS_SCHEDULES = ("constant", "plateau")


def obstacle(config: AnyTrialConfig) -> str | None:
    """Return what makes a longer training differ from this one in its first updates, or None if nothing does.

    It is the setting, as `train.schedule=cosine depends on the budget of updates`.
    """
    if not isinstance(config, TrialConfig):
        return "an own training function keeps its state itself"
    train = config.train
    depends = "depends on the budget of updates"
    if train.schedule not in _ENDLESS_SCHEDULES:
        return f"train.schedule={train.schedule} {depends}"
    if getattr(config.task, "length_distribution", None) == "curriculum":
        return f"task.length_distribution=curriculum {depends}"
    first, last = (getattr(config.model, name, None) for name in ("true_share", "final_true_share"))
    if first != last:
        return f"model.final_true_share={last:g} {depends}"
    if train.max_updates % train.evaluate_every:
        return f"train.max_updates={train.max_updates} is no multiple of train.evaluate_every"
    return None

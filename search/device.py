"""Looks whether the device that trials will run on can compute as they ask, before any of them is begun."""

from failmap.analysis.errors import UserError
from failmap.search.config import RunConfig
from failmap.search.space import Space
from failmap.search.trial.train_config import PrecisionName


def check_device(config: RunConfig) -> None:
    """Raises UserError where trials ask for a precision that this machine does not have.

    Trials on a cluster are not judged here: their machines may differ from this one. Each of them looks for
    itself.
    """
    wanted = _precisions(config.space) - {"fp32"}
    if not wanted or config.cluster.address != "local":
        return
    # This brings torch along, which a run in fp32 need not wait for.
    import torch

    from failmap.search.trial.precision import PrecisionError, check_precision

    # As the executor has it: a GPU where there is one, unless the user wants none.
    uses_gpu = config.cluster.gpus_per_trial != 0 and torch.cuda.is_available()
    problems = []
    for precision in sorted(wanted):
        try:
            check_precision(precision, torch.device("cuda" if uses_gpu else "cpu"))
        except PrecisionError as error:
            problems.append(str(error))
    if problems:
        raise UserError(*problems)


def _precisions(space: Space) -> set[PrecisionName]:
    """Every precision that some trial of a space may have."""
    in_base = space.base.get("train", {}).get("precision", "fp32")
    return {in_base, *(value for axis in space.axes for value in axis.values_at("train.precision"))}

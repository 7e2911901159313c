"""Initialisation from the lower layers of another run's network (`model.start_from=RUN/trial`)."""

from collections.abc import Iterable

from safetensors import SafetensorError
from safetensors.torch import load

from failmap.models.config import NetworkConfig, RecurrentConfig
from failmap.models.network import Network
from failmap.models.recurrent import RecurrentNetwork, reuse_layers
from failmap.run_folder.errors import UserError, nearest
from failmap.run_folder.paths import RunFolder, TrialFolder
from failmap.run_folder.storage import AnyPath, store_of
from failmap.run_folder.storage.bounded_files import MAX_TENSOR_BYTES
from failmap.search.trial.checkpoint import WEIGHTS_FILE

#: Maximum number of trials that a message lists.
_MAX_NAMED = 5


def start_from_stored(network: Network, config: NetworkConfig, folder: TrialFolder) -> None:
    """Copy the stored lower layers that the configuration names, if any, into a network.

    Args:
        network: The initialised network.
        config: The network's configuration.
        folder: The trial's folder; the other run must be in the same storage.

    Raises:
        UserError: The run, the trial or its weights are missing, or no lower layer fits.
    """
    if not isinstance(config, RecurrentConfig) or config.start_from is None:
        return
    assert isinstance(network, RecurrentNetwork)
    run = folder.path.parent.parent
    start_from(network, config.start_from, storage=run.parent)


def start_from(network: RecurrentNetwork, source: str, storage: AnyPath) -> None:
    """Copy the lower layers of RUN/trial in a storage, as far as they fit. Raises as above."""
    path = stored_weights(source, storage)
    try:
        reuse_layers(network, load(store_of(path).read(path, MAX_TENSOR_BYTES)))
    except (SafetensorError, OSError) as error:
        raise UserError(f"model.start_from={source}: {path} cannot be read: {error}") from None
    except ValueError as error:
        raise UserError(f"model.start_from={source}: {error}") from None


def stored_weights(source: str, storage: AnyPath) -> AnyPath:
    """Return the path of the weights of RUN/trial. Raises a UserError that names the nearest ones."""
    run_name, _, number = source.rpartition("/")
    store, run = store_of(storage), RunFolder(storage / run_name)
    if not store.exists(run.trials):
        runs = store.list_folders(storage)
        raise UserError(f"model.start_from={source}: no run {run_name} in {storage}{nearest(run_name, runs)}")
    path = run.trial(int(number)).path / WEIGHTS_FILE
    if not store.exists(path):
        missing = "kept no weights" if store.exists(path.parent) else "is not there"
        files = [name.split("/") for name in store.list_files(run.trials)]
        kept = sorted(int(trial) for trial, *rest in files if rest == [WEIGHTS_FILE])
        raise UserError(f"model.start_from={source}: trial {number} {missing}; {_describe_kept(kept)}")
    return path


def _describe_kept(kept: Iterable[int]) -> str:
    """List the trials of a run that kept their weights."""
    numbers = [str(number) for number in kept]
    if not numbers:
        return "no trial of that run did: it needs keep=learned or keep=all"
    more = f" and {len(numbers) - _MAX_NAMED} more" if len(numbers) > _MAX_NAMED else ""
    return f"trials with weights: {', '.join(numbers[:_MAX_NAMED])}{more}"

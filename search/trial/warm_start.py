"""Lower layers of a network that has learned in another run, as `model.start_from=RUN/trial` names it."""

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

#: Trials that a message names at most.
_MAX_NAMED = 5


def start_from_stored(network: Network, config: NetworkConfig, folder: TrialFolder) -> None:
    """Begins with the stored layers that the configuration names; does nothing where it names none.

    Args:
        network: as it was initialized.
        config: of the network.
        folder: the trial's, in whose storage the other run lies too.

    Raises:
        UserError: run, trial or weights are missing, or no lower layer fits.
    """
    if not isinstance(config, RecurrentConfig) or config.start_from is None:
        return
    assert isinstance(network, RecurrentNetwork)
    run = folder.path.parent.parent
    start_from(network, config.start_from, storage=run.parent)


def start_from(network: RecurrentNetwork, source: str, storage: AnyPath) -> None:
    """Copies the lower layers of RUN/trial in a storage, as far as they fit. Raises as above."""
    path = stored_weights(source, storage)
    try:
        reuse_layers(network, load(store_of(path).read(path, MAX_TENSOR_BYTES)))
    except (SafetensorError, OSError) as error:
        raise UserError(f"model.start_from={source}: {path} cannot be read: {error}") from None
    except ValueError as error:
        raise UserError(f"model.start_from={source}: {error}") from None


def stored_weights(source: str, storage: AnyPath) -> AnyPath:
    """The weights' file of RUN/trial. Raises UserError where there is none, and names what there is."""
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
        raise UserError(f"model.start_from={source}: trial {number} {missing}; {_told(kept)}")
    return path


def _told(kept: Iterable[int]) -> str:
    """Which trials of a run can be started from, in a few words."""
    numbers = [str(number) for number in kept]
    if not numbers:
        return "none of its run did: it needs keep=learned or keep=all"
    more = f" and {len(numbers) - _MAX_NAMED} more" if len(numbers) > _MAX_NAMED else ""
    return f"those that kept theirs: {', '.join(numbers[:_MAX_NAMED])}{more}"

"""The probes that cost passes of their own, all at one evaluation."""

from failmap.datasets.task import Batch
from failmap.search.trial.probes.batches import of_one_length, training_batches, validation_batches
from failmap.search.trial.probes.host import Signals, to_host
from failmap.search.trial.probes.labels import Side, label_signals
from failmap.search.trial.probes.leaks import leak_signals
from failmap.search.trial.probes.noise import signal_to_noise
from failmap.search.trial.probes.passes import ProbePass, evaluating
from failmap.search.trial.probes.scales import input_scale
from failmap.search.trial.probes.schedule import is_first, is_last
from failmap.search.trial.probes.time import time_signals
from failmap.search.trial.training import Training


def probe(training: Training, validation: Batch, update: int) -> Signals:
    """Looks at the network as it stands after so many updates, and leaves it and its gradients as they are.

    Every pass is in evaluation mode and in float32; no global generator of random numbers is used.

    Args:
        training: whatever task, network and objective it has now.
        validation: the whole set, from which a few sequences are drawn.
        update: updates done.
    """
    config = training.config
    trained_on = training_batches(training, update)
    held_out = validation_batches(validation, config.seed, update)
    if config.task.target_layout == "step":
        trained_on, held_out = trained_on.of_one_length(), held_out.of_one_length()
    signals: Signals = {"input_scale": input_scale(trained_on.source)}
    with evaluating(training.model, training.device):
        first, second = (ProbePass.through(training, each.source) for each in (trained_on, held_out))
        walked = first
        if first.batch.lengths is not None:
            walked = ProbePass.through(training, of_one_length(first.batch))
        at_first = is_first(update, config.train.evaluate_every)
        with_states = at_first or is_last(update, config.train.max_updates)
        signals |= time_signals(walked, with_states=with_states) | signal_to_noise(first)
        if at_first:
            sees_future = bool(getattr(config.model, "bidirectional", False))
            signals |= leak_signals(walked, sees_future=sees_future)
        # The last, for it moves the weights and puts them back: what was passed before has no graph then.
        signals |= label_signals(
            Side(first, trained_on.judged, trained_on.are_apart),
            Side(second, held_out.judged, held_out.are_apart),
        )
    return to_host(signals)

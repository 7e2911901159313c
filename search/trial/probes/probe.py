"""The probes that cost passes of their own, all at one evaluation."""

from datasets.task import Batch
from search.trial.probes.host import Signals, to_host
from search.trial.probes.labels import label_signals
from search.trial.probes.leaks import leak_signals
from search.trial.probes.passes import ProbePass, evaluating, training_batches, validation_batches
from search.trial.probes.scales import input_scale
from search.trial.probes.schedule import is_first
from search.trial.probes.time import of_one_length, time_signals
from search.trial.training import Training


def probe(training: Training, validation: Batch, update: int) -> Signals:
    """Looks at the network as it stands after so many updates, and leaves it and its gradients as they are.

    Every pass is in evaluation mode and in float32; no global generator of random numbers is used.

    Args:
        training: whatever task, network and objective it has now.
        validation: the whole set, from which a few sequences are drawn.
        update: updates done.
    """
    config = training.config
    with evaluating(training.model, training.device):
        seen = [ProbePass.through(training, batch) for batch in training_batches(training, update)]
        held_out = [
            ProbePass.through(training, batch) for batch in validation_batches(training, validation, update)
        ]
        walked = seen[0]
        if walked.batch.lengths is not None:
            walked = ProbePass.through(training, of_one_length(walked.batch))
        signals: Signals = {
            "input_scale": input_scale(seen[0].batch),
            **time_signals(walked),
            **label_signals(seen, held_out, config.seed, update),
        }
        if is_first(update, config.train.evaluate_every):
            sees_future = bool(getattr(config.model, "bidirectional", False))
            signals |= leak_signals(walked, sees_future=sees_future)
    return to_host(signals)

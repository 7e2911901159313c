"""The same loop in other tools: PyTorch Lightning's Trainer as it is by default, and Cockpit.

They are no dependencies of this project: `others=` names folders that they were installed into by
`pip install --target FOLDER`.
"""

import threading
import warnings
from collections.abc import Iterable, Iterator
from typing import Any

import torch
from torch import Tensor, nn

from benchmarks.watching.training import BATCH, CLASSES, FEATURES, NUM_BATCHES, Batch, Training


class LightningTraining:
    """Lightning's `Trainer`: its own progress bar, logger, checkpoint and summary; the loss is logged.

    The trainer runs in a thread, which waits for its next batch while other trainings run.

    Args:
        network: As `Net` takes it.
        steps: Of the whole training.
        folder: For what Lightning writes.
    """

    def __init__(self, network: str, steps: int, folder: str) -> None:
        self._plain = Training(network)
        self._allowed, self._asks = threading.Semaphore(0), threading.Event()
        self._left = 0
        self._error: BaseException | None = None
        self._thread = threading.Thread(target=self._fit, args=(steps, folder), daemon=True)
        self._thread.start()
        self._wait()

    def _fit(self, steps: int, folder: str) -> None:
        torch.set_num_threads(1)
        try:
            import lightning

            plain = self._plain

            class Module(lightning.LightningModule):
                def __init__(self) -> None:
                    super().__init__()
                    self.model = plain.model

                def training_step(self, batch: Batch, index: int) -> Tensor:
                    inputs, targets = batch
                    loss = plain.loss_fn(self.model(inputs), targets)
                    self.log("loss", loss, prog_bar=True)
                    return loss

                def configure_optimizers(self) -> Any:
                    return plain.optimizer

            trainer = lightning.Trainer(
                max_steps=steps, max_epochs=1, accelerator="cpu", devices=1, default_root_dir=folder
            )
            trainer.fit(Module(), _Batches(self, steps))
            assert trainer.global_step == steps, trainer.global_step
        except BaseException as error:
            self._error = error
        finally:
            self._asks.set()

    def next_batch(self, index: int) -> Batch:
        """Wait until a batch is allowed; called by the trainer's thread."""
        if self._left == 0:
            self._asks.set()
        self._allowed.acquire()
        self._left -= 1
        return self._plain.batches[index % NUM_BATCHES]

    def run(self, updates: Iterable[int]) -> None:
        """Let the trainer have some batches."""
        number = len(list(updates))
        self._asks.clear()
        self._left = number
        self._allowed.release(number)
        self._wait()

    def close(self) -> None:
        """Let the trainer end."""
        self._thread.join()
        if self._error is not None:
            raise self._error

    def _wait(self) -> None:
        self._asks.wait()
        if self._error is not None:
            raise self._error


class _Batches:
    """What the trainer iterates over."""

    def __init__(self, training: LightningTraining, steps: int) -> None:
        self._training, self._steps = training, steps

    def __iter__(self) -> Iterator[Batch]:
        return (self._training.next_batch(index) for index in range(1, self._steps + 1))


class CockpitTraining(Training):
    """Cockpit with its configuration "economy", the largest one that its backend can compute for an LSTM.

    Args:
        network: As `Net` takes it; one layer.
        every: Steps between two measurements.
    """

    def __init__(self, network: str, every: int) -> None:
        from backpack import extend
        from backpack.custom_module.reduce_tuple import ReduceTuple
        from backpack.custom_module.slicing import Slicing
        from cockpit import Cockpit
        from cockpit.utils import schedules
        from cockpit.utils.configuration import configuration

        super().__init__(network)
        depth, units = (int(number) for number in network.split("x"))
        torch.manual_seed(0)
        self.model = extend(
            nn.Sequential(
                nn.LSTM(FEATURES, units, depth, batch_first=True),
                ReduceTuple(index=0),
                Slicing((slice(None), -1)),
                nn.Linear(units, CLASSES),
            )
        )
        self.optimizer = torch.optim.Adam(self.model.parameters())
        self._loss_fn, self._losses = extend(nn.CrossEntropyLoss()), nn.CrossEntropyLoss(reduction="none")
        quantities = configuration("economy", track_schedule=schedules.linear(every))
        self._cockpit = Cockpit(self.model.parameters(), quantities=quantities)

    def run(self, updates: Iterable[int]) -> None:
        """Make some optimizer steps, as Cockpit's documentation shows them."""
        for update in updates:
            inputs, targets = self.batches[update % NUM_BATCHES]
            self.optimizer.zero_grad()
            outputs = self.model(inputs)
            loss, losses = self._loss_fn(outputs, targets), self._losses(outputs, targets)
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                info = {
                    "batch_size": BATCH,
                    "individual_losses": losses,
                    "loss": loss,
                    "optimizer": self.optimizer,
                }
                # Cockpit counts from 0, and measures distances from the weights at that step.
                with self._cockpit(update - 1, info=info):
                    loss.backward(create_graph=self._cockpit.create_graph(update - 1))
            self.optimizer.step()

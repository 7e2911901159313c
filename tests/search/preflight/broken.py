"""Networks with faults that checks must find, on sequences of one feature and one output."""

from torch import Tensor, nn

from failmap.models.network import Interface, LayerTrace, Network, Teacher, Trace


class Faulty(Network):
    """A recurrent layer and a readout; what is between them, a subclass spoils."""

    def __init__(self, interface: Interface) -> None:
        super().__init__()
        self.interface = interface
        self.layer = nn.RNN(interface.input_size, 8, batch_first=True)
        self.readout = nn.Linear(8, interface.output_size)

    def trace(self, inputs: Tensor, lengths: Tensor | None = None, teacher: Teacher | None = None) -> Trace:
        """One pass."""
        states = self.between(self.layer(inputs)[0])
        outputs = self.readout(states if self.interface.layout == "step" else states[:, -1])
        return Trace(outputs, [LayerTrace("layer", self.layer, inputs, states, states)])

    def between(self, states: Tensor) -> Tensor:
        """What becomes of the states."""
        return states

    def parts(self) -> dict[str, nn.Module]:
        """The layer and the readout."""
        return {"layer": self.layer, "readout": self.readout}

    def state_entries(self, num_steps: int) -> int:
        """Of the one layer."""
        return 8 * num_steps


class Detached(Faulty):
    """The layer moves the outputs and gets no gradient."""

    def between(self, states: Tensor) -> Tensor:
        """Cuts the graph."""
        return states.detach()


class WithUnused(Faulty):
    """Has a second layer that no pass goes through."""

    def __init__(self, interface: Interface) -> None:
        super().__init__(interface)
        self.spare = nn.Linear(8, 8)


class Dead(Faulty):
    """All states are cut off at zero."""

    def between(self, states: Tensor) -> Tensor:
        """A ReLU that is never on."""
        return (states - 2.0).relu()


class LeakingBatch(Faulty):
    """Each sequence sees the mean of the batch."""

    def between(self, states: Tensor) -> Tensor:
        """Takes the mean off."""
        return states - states.mean(dim=0, keepdim=True)


class LeakingFuture(Faulty):
    """Each step sees the mean of all steps."""

    def between(self, states: Tensor) -> Tensor:
        """Takes the mean off."""
        return states - states.mean(dim=1, keepdim=True)


class AlwaysDropping(Faulty):
    """Dropout that evaluation does not switch off."""

    def between(self, states: Tensor) -> Tensor:
        """As if it were training."""
        return nn.functional.dropout(states, 0.5, training=True)


class WrongShape(Faulty):
    """Answers with one output too many."""

    def __init__(self, interface: Interface) -> None:
        super().__init__(interface)
        self.readout = nn.Linear(8, interface.output_size + 1)

"""Networks with faults that checks must find."""

from torch import Tensor, nn

from failmap.models.network import Interface, LayerTrace, Network, Teacher, Trace


class Faulty(Network):
    """A recurrent layer and a readout; subclasses corrupt the states between them."""

    def __init__(self, interface: Interface) -> None:
        super().__init__()
        self.interface = interface
        self.layer = nn.RNN(interface.input_size, 8, batch_first=True)
        self.readout = nn.Linear(8, interface.output_size)

    def trace(self, inputs: Tensor, lengths: Tensor | None = None, teacher: Teacher | None = None) -> Trace:
        """Pass a batch forward."""
        states = self.between(self.layer(inputs)[0])
        outputs = self.readout(states if self.interface.layout == "step" else states[:, -1])
        return Trace(outputs, [LayerTrace("layer", self.layer, inputs, states, states)])

    def between(self, states: Tensor) -> Tensor:
        """Return the states for the readout."""
        return states

    def parts(self) -> dict[str, nn.Module]:
        """Return the layer and the readout."""
        return {"layer": self.layer, "readout": self.readout}

    def state_entries(self, num_steps: int) -> int:
        """Return the entries of the one layer's states."""
        return 8 * num_steps


class Detached(Faulty):
    """The layer affects the outputs but gets no gradient."""

    def between(self, states: Tensor) -> Tensor:
        """Detach the states from the graph."""
        return states.detach()


class WithUnused(Faulty):
    """A second layer is not part of the forward pass."""

    def __init__(self, interface: Interface) -> None:
        super().__init__(interface)
        self.spare = nn.Linear(8, 8)


class Dead(Faulty):
    """All states are zero."""

    def between(self, states: Tensor) -> Tensor:
        """Apply a ReLU that is never active."""
        return (states - 2.0).relu()


class LeakingBatch(Faulty):
    """Each sequence sees the batch mean."""

    def between(self, states: Tensor) -> Tensor:
        """Subtract the mean."""
        return states - states.mean(dim=0, keepdim=True)


class LeakingFuture(Faulty):
    """Each step sees the mean over all steps."""

    def between(self, states: Tensor) -> Tensor:
        """Subtract the mean."""
        return states - states.mean(dim=1, keepdim=True)


class AlwaysDropping(Faulty):
    """Dropout is active in evaluation mode, too."""

    def between(self, states: Tensor) -> Tensor:
        """Apply dropout in any mode."""
        return nn.functional.dropout(states, 0.5, training=True)


class WrongShape(Faulty):
    """The readout has one output too many."""

    def __init__(self, interface: Interface) -> None:
        super().__init__(interface)
        self.readout = nn.Linear(8, interface.output_size + 1)

"""Each way to break the contract of an own network or task is one line; what keeps to it passes."""

from typing import Any

import pytest
import torch
from torch import Tensor, nn

from failmap.conformance import check_model, check_task


class GoodNet(nn.Module):
    """One output a sequence, from the last state."""

    def __init__(self, input_size: int, output_size: int, width: int = 8, depth: int = 1) -> None:
        super().__init__()
        self.lstm = nn.LSTM(input_size, width, depth, batch_first=True)
        self.head = nn.Linear(width, output_size)

    def forward(self, inputs: Tensor) -> Any:
        return self.head(self.lstm(inputs)[0][:, -1])


class EveryStep(GoodNet):
    def forward(self, inputs: Tensor) -> Any:
        return self.head(self.lstm(inputs)[0])


class ReturnsStates(GoodNet):
    def forward(self, inputs: Tensor) -> Any:
        states, last = self.lstm(inputs)
        return self.head(states[:, -1]), last


class Squeezed(GoodNet):
    def forward(self, inputs: Tensor) -> Any:
        return super().forward(inputs)[:, 0]


class TimeFirst(GoodNet):
    """Takes time for batch, and returns the right shape."""

    def __init__(self, input_size: int, output_size: int) -> None:
        super().__init__(input_size, output_size)
        self.lstm = nn.LSTM(input_size, 8)


class BatchStatistic(GoodNet):
    def forward(self, inputs: Tensor) -> Any:
        return super().forward(inputs - inputs.mean(dim=0))


class NotANumber(GoodNet):
    def forward(self, inputs: Tensor) -> Any:
        return super().forward(inputs) / 0.0


class DropsOutAlways(GoodNet):
    def forward(self, inputs: Tensor) -> Any:
        return nn.functional.dropout(super().forward(inputs), 0.5, training=True)


class KeepsState(GoodNet):
    state: Any = None

    def forward(self, inputs: Tensor) -> Any:
        states, self.state = self.lstm(inputs, self.state)
        return self.head(states[:, -1])


class InAList(nn.Module):
    """Layers in a plain list are no sub-modules."""

    def __init__(self, input_size: int, output_size: int) -> None:
        super().__init__()
        self.layers = [nn.Linear(input_size, output_size)]

    def forward(self, inputs: Tensor) -> Any:
        return self.layers[0](inputs[:, -1])


class Detached(GoodNet):
    def forward(self, inputs: Tensor) -> Any:
        return super().forward(inputs).detach()


class InPlace(GoodNet):
    def forward(self, inputs: Tensor) -> Any:
        return super().forward(inputs.mul_(2))


class Double(GoodNet):
    def forward(self, inputs: Tensor) -> Any:
        return super().forward(inputs).double()


class SqueezesBatch(GoodNet):
    """Loses the batch where it holds one sequence."""

    def forward(self, inputs: Tensor) -> Any:
        return super().forward(inputs).squeeze(0)


class Raises(GoodNet):
    def forward(self, inputs: Tensor) -> Any:
        raise RuntimeError("shapes cannot be multiplied\nand more")


class NoModule:
    def __init__(self, input_size: int, output_size: int) -> None:
        pass


def returns_none(input_size: int, output_size: int) -> None:
    return None


@pytest.mark.parametrize(
    ("net", "args", "layout"),
    [
        (GoodNet, {}, "sequence"),
        (GoodNet, {"width": 4, "depth": 2}, "sequence"),
        (EveryStep, {}, "step"),
        (EveryStep, {}, "sequence"),
        (lambda inputs, outputs: EveryStep(inputs, outputs), {}, "step"),
    ],
)
def test_a_network_that_keeps_to_the_contract(net: Any, args: dict[str, int], layout: Any) -> None:
    assert check_model(net, args=args, layout=layout) == []


@pytest.mark.parametrize(
    ("net", "args", "layout", "parts"),
    [
        (NoModule, {}, "sequence", ["NoModule", "nn.Module"]),
        (returns_none, {}, "sequence", ["NoneType", "nn.Module"]),
        (GoodNet, {"with": 3}, "sequence", ["with", "width", "depth"]),
        (GoodNet, {"width": -1}, "sequence", ["width=-1", "raises"]),
        (InAList, {}, "sequence", ["no parameters"]),
        (Raises, {}, "sequence", ["RuntimeError", "cannot be multiplied", "(5, 7, 3)"]),
        (ReturnsStates, {}, "sequence", ["tuple", "outputs alone"]),
        (Squeezed, {}, "sequence", ["(5,)", "(5, 2)"]),
        (GoodNet, {}, "step", ["(5, 2)", "(5, 7, 2)"]),
        (Double, {}, "sequence", ["float64", "float32"]),
        (SqueezesBatch, {}, "sequence", ["batch of one", "(2,)", "(1, 2)"]),
        (NotANumber, {}, "sequence", ["not finite"]),
        (TimeFirst, {}, "sequence", ["batch_first"]),
        (BatchStatistic, {}, "sequence", ["others of its batch"]),
        (DropsOutAlways, {}, "sequence", ["two passes", "evaluation"]),
        (KeepsState, {}, "sequence", ["two passes", "states that are kept"]),
        (Detached, {}, "sequence", ["no parameter gets a gradient"]),
        (InPlace, {}, "sequence", ["in place"]),
    ],
)
def test_a_broken_network(net: Any, args: dict[str, int], layout: Any, parts: list[str]) -> None:
    (line,) = check_model(net, args=args, layout=layout)
    assert "\n" not in line
    assert all(part in line for part in parts), line


def test_random_numbers_are_left_alone() -> None:
    torch.manual_seed(3)
    wanted = torch.rand(1)
    torch.manual_seed(3)
    check_model(GoodNet)
    check_task(Drawn)
    assert torch.equal(torch.rand(1), wanted)


class Drawn:
    """The value some steps ago."""

    kind = "number"
    input_size = 1
    output_size = 1

    def __init__(self, lag: int = 3) -> None:
        self.lag, self.num_steps = lag, lag + 2

    def draw(self, num: int, generator: torch.Generator) -> Any:
        inputs = torch.rand(num, self.num_steps, 1, generator=generator)
        return inputs, inputs[:, -self.lag, 0]


class Classes(Drawn):
    kind = "category"
    output_size = 3

    def draw(self, num: int, generator: torch.Generator) -> Any:
        inputs, _ = super().draw(num, generator)
        return inputs, (3 * inputs[:, 0, 0]).long()


class Bits(Drawn):
    kind = "binary"
    supervision = "every_step"

    def draw(self, num: int, generator: torch.Generator) -> Any:
        inputs, _ = super().draw(num, generator)
        return inputs, (inputs[..., 0] > 0.5).float()


class Held:
    """A finite task."""

    kind = "number"
    input_size, output_size, num_steps = 2, 1, 4

    def __init__(self) -> None:
        generator = torch.Generator().manual_seed(0)
        sets = [torch.rand(num, 4, 2, generator=generator) for num in (40, 20, 20)]
        self.train, self.validation, self.test = ((part, part[:, 0, 0]) for part in sets)


class NoSizes(Drawn):
    input_size = None  # type: ignore[assignment]


class WrongKind(Drawn):
    kind = "numbers"


class BinaryOfTwo(Bits):
    output_size = 2


class OneClass(Classes):
    output_size = 1


class WrongShape(Drawn):
    def draw(self, num: int, generator: torch.Generator) -> Any:
        inputs, targets = super().draw(num, generator)
        return inputs[..., 0], targets


class OneMore(Drawn):
    def draw(self, num: int, generator: torch.Generator) -> Any:
        return super().draw(num + 1, generator)


class ColumnTargets(Drawn):
    def draw(self, num: int, generator: torch.Generator) -> Any:
        inputs, targets = super().draw(num, generator)
        return inputs, targets[:, None]


class DoubleInputs(Drawn):
    def draw(self, num: int, generator: torch.Generator) -> Any:
        inputs, targets = super().draw(num, generator)
        return inputs.double(), targets


class FloatClasses(Classes):
    def draw(self, num: int, generator: torch.Generator) -> Any:
        inputs, targets = super().draw(num, generator)
        return inputs, targets.float()


class FromOne(Classes):
    def draw(self, num: int, generator: torch.Generator) -> Any:
        inputs, targets = super().draw(num, generator)
        return inputs, targets + 1


class SignedBits(Bits):
    def draw(self, num: int, generator: torch.Generator) -> Any:
        inputs, targets = super().draw(num, generator)
        return inputs, 2 * targets - 1


class Endless(Drawn):
    def draw(self, num: int, generator: torch.Generator) -> Any:
        inputs, targets = super().draw(num, generator)
        return inputs, targets / 0.0


class Elsewhere(Drawn):
    """Draws from torch's global generator."""

    def draw(self, num: int, generator: torch.Generator) -> Any:
        inputs = torch.rand(num, self.num_steps, 1)
        return inputs, inputs[:, -1, 0]


class AlwaysTheSame(Drawn):
    def draw(self, num: int, generator: torch.Generator) -> Any:
        return super().draw(num, torch.Generator().manual_seed(0))


class AllAlike(Drawn):
    def draw(self, num: int, generator: torch.Generator) -> Any:
        inputs, targets = super().draw(num, generator)
        return inputs, torch.ones_like(targets)


class OneClassOnly(Classes):
    def draw(self, num: int, generator: torch.Generator) -> Any:
        inputs, targets = super().draw(num, generator)
        return inputs, torch.zeros_like(targets)


class RaisesInDraw(Drawn):
    def draw(self, num: int, generator: torch.Generator) -> Any:
        raise IndexError("out of range")


class InputsOnly(Drawn):
    def draw(self, num: int, generator: torch.Generator) -> Any:
        return super().draw(num, generator)[0]


class EasyTarget(Drawn):
    target_metric = 5.0


class ValidatesOnTraining(Held):
    def __init__(self) -> None:
        super().__init__()
        self.validation = self.train


class WithoutTest(Held):
    def __init__(self) -> None:
        super().__init__()
        del self.test


@pytest.mark.parametrize(
    ("task", "args"), [(Drawn, {}), (Drawn, {"lag": 5}), (Classes, {}), (Bits, {}), (Held, {})]
)
def test_a_task_that_keeps_to_the_contract(task: Any, args: dict[str, int]) -> None:
    assert check_task(task, args=args) == []


@pytest.mark.parametrize(
    ("task", "args", "parts"),
    [
        (Drawn, {"lags": 3}, ["lags", "lag: "]),
        (NoSizes, {}, ["input_size=None"]),
        (WrongKind, {}, ["'numbers'", "category, binary, number"]),
        (BinaryOfTwo, {}, ["output_size=2", "binary"]),
        (OneClass, {}, ["output_size=1", "category"]),
        (WrongShape, {}, ["(256, 5)", "(256, 5, 1)"]),
        (OneMore, {}, ["(257, 5, 1)", "(256, 5, 1)"]),
        (ColumnTargets, {}, ["targets are (256, 1)", "(256,)"]),
        (DoubleInputs, {}, ["float64", "float32"]),
        (FloatClasses, {}, ["float32", "int64"]),
        (FromOne, {}, ["1 to 3", "0 to"]),
        (SignedBits, {}, ["0.0 or 1.0"]),
        (Endless, {}, ["targets are not finite"]),
        (Elsewhere, {}, ["equally seeded"]),
        (AlwaysTheSame, {}, ["differently seeded"]),
        (AllAlike, {}, ["chance cannot be computed"]),
        (OneClassOnly, {}, ["chance cannot be computed"]),
        (RaisesInDraw, {}, ["IndexError", "out of range"]),
        (InputsOnly, {}, ["Tensor", "pair"]),
        (EasyTarget, {}, ["target_metric=5", "below chance"]),
        (ValidatesOnTraining, {}, ["all 40 sequences of validation are in train"]),
        (WithoutTest, {}, ["no draw", "test"]),
    ],
)
def test_a_broken_task(task: Any, args: dict[str, int], parts: list[str]) -> None:
    (line,) = check_task(task, args=args)
    assert "\n" not in line
    assert all(part in line for part in parts), line

"""Compare our networks with torch's own modules of the same sizes: python -m benchmarks.models [pairs=30].

A step is forward, backward and Adam on one thread. The memory of one training step of a large encoder-decoder
is measured in a separate process. Takes three minutes on 2 cores.
"""

import resource
import statistics
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from time import perf_counter
from typing import Any

import psutil
import torch
from torch import Tensor, nn

from benchmarks.arguments import parse_arguments
from benchmarks.bare_networks import (
    BareConvolutions,
    BareEncoderDecoder,
    BareFrameEncoderDecoder,
    BareStack,
    BareTransformer,
)
from benchmarks.results_file import table, write_results
from failmap.models import build_model
from failmap.models.config import MODEL_CONFIGS
from failmap.models.network import Interface

INPUTS, STEPS, BATCH = 2, 50, 64
SIDE, SHOWN, DECODED, FRAME_BATCH = 16, 10, 10, 16
ONE_OUTPUT = Interface(INPUTS, 1, STEPS)
FRAMES = Interface(SIDE**2, SIDE**2, SHOWN, "decoded", (DECODED,), (1, SIDE, SIDE))
#: The encoder-decoder whose memory is measured: 10 frames are shown and 10 predicted.
LARGE_SIDE, LARGE_UNITS = 64, 2048

BARE_STACKS: dict[str, type[nn.RNN | nn.GRU | nn.LSTM]] = {"rnn": nn.RNN, "gru": nn.GRU, "lstm": nn.LSTM}


@dataclass(frozen=True)
class Case:
    """One of our networks, and a constructor of its bare counterpart, or None if torch has no such module."""

    name: str
    settings: dict[str, Any]
    bare: Callable[[], nn.Module] | None
    interface: Interface = ONE_OUTPUT

    def ours(self) -> nn.Module:
        """Build our network."""
        return build_model(MODEL_CONFIGS[self.settings["name"]].model_validate(self.settings), self.interface)

    def inputs(self) -> Tensor:
        """Draw a batch of inputs."""
        size = BATCH if self.interface is ONE_OUTPUT else FRAME_BATCH
        return torch.rand(size, self.interface.num_steps, self.interface.input_size)


def stack_case(name: str, depth: int, units: int, *, both: bool = False) -> Case:
    """Return the case of a stack of recurrent layers."""
    return Case(
        f"{name} {depth}x{units}" + (", bidirectional" if both else ""),
        {"name": name, "depth": depth, "hidden_size": units, "bidirectional": both},
        lambda: BareStack(BARE_STACKS[name](INPUTS, units, depth, batch_first=True, bidirectional=both)),
    )


CASES = (
    stack_case("rnn", 2, 128),
    stack_case("gru", 2, 128),
    stack_case("lstm", 1, 32),
    stack_case("lstm", 2, 128),
    stack_case("lstm", 2, 64, both=True),
    Case(
        "mlp 2x128",
        {"name": "mlp", "depth": 2, "hidden_size": 128},
        lambda: nn.Sequential(
            nn.Flatten(),
            nn.Linear(INPUTS * STEPS, 128),
            nn.ReLU(),
            nn.Linear(128, 128),
            nn.ReLU(),
            nn.Linear(128, 1),
        ),
    ),
    Case(
        "convolution 4x64",
        {"name": "convolution", "depth": 4, "hidden_size": 64},
        lambda: BareConvolutions([INPUTS, 64, 64, 64, 64], kernel_size=3),
    ),
    Case(
        "attention 2x64",
        {"name": "attention", "depth": 2, "hidden_size": 64},
        lambda: BareTransformer(INPUTS, 64, heads=4, depth=2),
    ),
    Case(
        "encoder_decoder of 256, blind",
        {"name": "encoder_decoder", "hidden_size": 256, "input_layers": 0, "decoder_input": "zero"},
        lambda: BareEncoderDecoder(SIDE**2, 256, DECODED, sees_own=False),
        FRAMES,
    ),
    Case(
        "encoder_decoder of 256, own outputs",
        {"name": "encoder_decoder", "hidden_size": 256, "input_layers": 0, "decoder_input": "own"},
        lambda: BareEncoderDecoder(SIDE**2, 256, DECODED, sees_own=True),
        FRAMES,
    ),
    Case(
        "cnn_lstm of 128, blind",
        {"name": "cnn_lstm", "hidden_size": 128, "channels": 8, "decoder_input": "zero"},
        lambda: BareFrameEncoderDecoder(SIDE, 8, 128, DECODED),
        FRAMES,
    ),
    Case(
        "conv_lstm of 16 channels, blind",
        {"name": "conv_lstm", "hidden_size": 16, "decoder_input": "zero"},
        None,
        FRAMES,
    ),
)


def stepper(network: nn.Module, inputs: Tensor) -> Callable[[], float]:
    """Return a function that makes one training step and returns its seconds."""
    optimizer = torch.optim.Adam([p for p in network.parameters() if p.requires_grad], fused=True)

    def step() -> float:
        started = perf_counter()
        loss = network(inputs).square().mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        return perf_counter() - started

    return step


def row(case: Case, pairs: int, warm_up: int = 3) -> tuple[str, ...]:
    """Return a table row, measured on alternating steps of both networks; the first one alternates too."""
    inputs = case.inputs()
    ours = stepper(case.ours(), inputs)
    if case.bare is None:
        seconds = statistics.median([ours() for _ in range(warm_up + pairs)][warm_up:])
        return case.name, "none in torch", f"{seconds * 1e3:.2f}", ""
    bare = stepper(case.bare(), inputs)
    timed: list[tuple[float, float]] = []
    for index in range(warm_up + pairs):
        if index % 2:
            timed.append((bare(), ours()))
        else:
            own = ours()
            timed.append((bare(), own))
    timed = timed[warm_up:]
    ratios = sorted(own / other for other, own in timed)
    quarter = len(ratios) // 4
    milliseconds = [statistics.median(times) * 1e3 for times in zip(*timed, strict=True)]
    return (
        case.name,
        *(f"{value:.2f}" for value in milliseconds),
        f"{statistics.median(ratios):.3f} ({ratios[quarter]:.3f} to {ratios[-1 - quarter]:.3f})",
    )


def large_step() -> None:
    """Make one training step of the large encoder-decoder; print its number of parameters and peak MB."""
    torch.set_num_threads(1)
    megabyte = 2**20
    before = psutil.Process().memory_info().rss / megabyte
    pixels = LARGE_SIDE**2
    interface = Interface(pixels, pixels, SHOWN, "decoded", (DECODED,), (1, LARGE_SIDE, LARGE_SIDE))
    config = MODEL_CONFIGS["encoder_decoder"].model_validate(
        {"name": "encoder_decoder", "hidden_size": LARGE_UNITS}
    )
    network = build_model(config, interface)
    stepper(network, torch.rand(FRAME_BATCH, SHOWN, pixels))()
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(sum(parameter.numel() for parameter in network.parameters()), peak - before)


def memory_remark() -> str:
    """Describe the memory of the large step, measured in a separate process."""
    command = [sys.executable, "-m", "benchmarks.models", "large_step"]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    num_parameters, megabytes = map(float, done.stdout.split())
    return (
        f"One training step of an encoder_decoder of {LARGE_UNITS} units, which reads {SHOWN} frames of "
        f"{LARGE_SIDE}x{LARGE_SIDE} and predicts {DECODED} more from its own outputs, batch {FRAME_BATCH}, "
        f"takes {megabytes:.0f} MB at its peak. Its {num_parameters / 1e6:.1f} million weights, their "
        f"gradients and Adam's two averages are {16 * num_parameters / 2**20:.0f} MB of that."
    )


def main() -> None:
    """Time every network and measure the memory of a large one."""
    if "large_step" in sys.argv[1:]:
        large_step()
        return
    torch.set_num_threads(1)
    torch.manual_seed(0)
    pairs = parse_arguments(pairs=30).pairs
    memory = memory_remark()
    columns = ("network", "bare torch, ms per step", "ours", "time of ours / bare: median (middle half)")
    times = table(columns, [row(case, pairs) for case in CASES])
    remarks = (
        f"Forward, backward and torch's fused Adam, one thread, {pairs} pairs of alternating steps. "
        f"Sequences of {STEPS} steps, batch {BATCH}; frames of {SIDE}x{SIDE}, {SHOWN} shown and {DECODED} "
        f"decoded, batch {FRAME_BATCH}. The bare networks are torch's multi-layer modules; the bare "
        "convolutions have no residual connections, and the bare Transformer no positional encoding."
    )
    write_results("models", "Our networks compared with torch's", f"{remarks}\n\n{times}\n\n{memory}")


if __name__ == "__main__":
    main()

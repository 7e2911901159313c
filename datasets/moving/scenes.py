"""Digits and where they go: all that a sequence of frames is made from."""

from typing import NamedTuple

import torch
from jaxtyping import Float, Int64, UInt8
from torch import Tensor

from failmap.datasets.config import MovingMnistConfig
from failmap.datasets.moving.rendering import render
from failmap.datasets.moving.trajectories import draw_trajectories
from failmap.datasets.task import Batch


class Scenes(NamedTuple):
    """Sequences before they are rendered.

    Attributes:
        digits: their brightness, 0 to 1.
        corners: row and column of each digit's upper left corner.
    """

    digits: Float[Tensor, "sequences digits size size"]
    corners: Int64[Tensor, "sequences digits frames 2"]


def draw_scenes(
    config: MovingMnistConfig,
    pool: UInt8[Tensor, "pool size size"],
    generator: torch.Generator,
    num_sequences: int,
) -> Scenes:
    """Independent sequences, drawn on the generator's device, laid down on that of the pool.

    Args:
        config: how many digits, frames, and how large.
        pool: the digits to choose from, each equally likely, 0 to 255.
        generator: what is drawn from.
        num_sequences: how many.
    """
    shape = (num_sequences, config.num_digits)
    chosen = torch.randint(len(pool), shape, generator=generator, device=generator.device)
    num_frames = config.sequence_length + config.prediction_length
    num_places = config.frame_size - config.digit_size + 1
    corners = draw_trajectories(generator, *shape, num_frames, num_places)
    return Scenes(pool[chosen.to(pool.device)].float() / 255, corners.to(pool.device))


def show(config: MovingMnistConfig, scenes: Scenes) -> Batch:
    """The frames that are shown, and those that are asked for."""
    past, future = scenes.corners.split((config.sequence_length, config.prediction_length), dim=2)
    shown = render(scenes.digits, past, config.frame_size)
    match config.target:
        case "reconstruction":
            return Batch(shown, shown.flip(1))
        case "reconstruction_in_order":
            return Batch(shown, shown.clone())
        case "prediction":
            return Batch(shown, render(scenes.digits, future, config.frame_size))
        case "both":
            coming = render(scenes.digits, future, config.frame_size)
            return Batch(shown, torch.cat((shown.flip(1), coming), dim=1))

"""Scenes of moving digits: where they go, and how they are rendered into frames."""

import math
from typing import NamedTuple

import torch
from jaxtyping import Float, Int64, UInt8
from torch import Tensor

from failmap.datasets.config import DIGIT_WIDTH, MovingMnistConfig
from failmap.datasets.task import Batch

#: Share of the way from wall to wall that a digit covers in one frame, as in the authors' program.
SPEED = 0.1
#: Digits that are resized at a time.
_CHUNK = 4096


class Scenes(NamedTuple):
    """Sequences before they are rendered.

    Attributes:
        digits: Their brightness, 0 to 1.
        corners: Row and column of each digit's upper left corner.
    """

    digits: Float[Tensor, "sequences digits size size"]
    corners: Int64[Tensor, "sequences digits frames 2"]


def draw_scenes(
    config: MovingMnistConfig,
    pool: UInt8[Tensor, "pool size size"],
    generator: torch.Generator,
    num_sequences: int,
) -> Scenes:
    """Draw independent scenes on the generator's device and move them to that of the pool.

    Args:
        config: Numbers and sizes of digits and frames.
        pool: The digits to choose from, each equally likely, 0 to 255.
        generator: Source of random numbers.
        num_sequences: Number of scenes.
    """
    shape = (num_sequences, config.num_digits)
    chosen = torch.randint(len(pool), shape, generator=generator, device=generator.device)
    num_frames = config.sequence_length + config.prediction_length
    num_places = config.frame_size - config.digit_size + 1
    corners = draw_trajectories(generator, *shape, num_frames, num_places)
    return Scenes(pool[chosen.to(pool.device)].float() / 255, corners.to(pool.device))


def show(config: MovingMnistConfig, scenes: Scenes) -> Batch:
    """Return the frames that are shown, and the target frames."""
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


def draw_trajectories(
    generator: torch.Generator, num_sequences: int, num_digits: int, num_frames: int, num_places: int
) -> Int64[Tensor, "sequences digits frames 2"]:
    """Draw row and column of each digit's upper left corner in each frame.

    Starts and directions are uniform and independent, so all positions are equally likely, in every
    frame: reflection keeps a uniform position uniform, since a direction and its opposite are equally likely.

    Args:
        generator: Source of random numbers; its device is that of the result.
        num_sequences: Number of sequences.
        num_digits: Digits of a frame.
        num_frames: Frames of a sequence.
        num_places: Positions of a corner from wall to wall, down and across alike.
    """
    shape, device = (num_sequences, num_digits), generator.device
    start = num_places * torch.rand((*shape, 2), generator=generator, device=device)
    angle = 2 * math.pi * torch.rand(shape, generator=generator, device=device)
    velocity = SPEED * num_places * torch.stack((angle.sin(), angle.cos()), dim=-1)
    return places(start, velocity, num_frames, num_places)


def places(
    start: Float[Tensor, "*batch axes"],
    velocity: Float[Tensor, "*batch axes"],
    num_frames: int,
    num_places: int,
) -> Int64[Tensor, "*batch frames axes"]:
    """Return the whole pixels 0 .. num_places - 1 of points that move between walls at 0 and num_places.

    A reflected path is the straight one, folded: u becomes n - |u mod 2n - n| between walls n apart.

    Args:
        start: Where each is in the first frame, in pixels.
        velocity: Pixels a frame.
        num_frames: How many.
        num_places: Pixels from wall to wall.
    """
    times = torch.arange(num_frames, device=start.device).unsqueeze(-1)
    unfolded = start.unsqueeze(-2) + times * velocity.unsqueeze(-2)
    folded = num_places - (unfolded.remainder(2 * num_places) - num_places).abs()
    # A point exactly on the far wall is on the last pixel.
    return folded.long().clamp_(max=num_places - 1)


def resized(pixels: UInt8[Tensor, "digits 784"], size: int) -> UInt8[Tensor, "digits size size"]:
    """Resize digits by averaging areas: a pixel is the mean of what it covers, rounded."""
    weights = _area_weights(DIGIT_WIDTH, size)
    parts = [
        (weights @ part.view(-1, DIGIT_WIDTH, DIGIT_WIDTH).float() @ weights.T).round().to(torch.uint8)
        for part in pixels.split(_CHUNK)
    ]
    return torch.cat(parts)


def render(
    digits: Float[Tensor, "sequences digits size size"],
    corners: Int64[Tensor, "sequences digits frames 2"],
    frame_size: int,
) -> Float[Tensor, "sequences frames pixels"]:
    """Render frames on black; where digits overlap, the brighter one is visible.

    Args:
        digits: Their brightness, from 0 up.
        corners: Row and column of each digit's upper left corner; each digit lies wholly within.
        frame_size: Width and height of a frame.
    """
    num_sequences, num_digits, num_frames, _ = corners.shape
    size, device = digits.shape[-1], digits.device
    frames = torch.zeros(num_sequences * num_frames * frame_size**2, device=device)
    # Every size x size window of the frames by where it begins, as a view: whole digits are then copied.
    # No two windows that are written at once overlap, since each is of another frame.
    last = frames.numel() - (size - 1) * frame_size - size
    windows = frames.as_strided((last + 1, size, size), (1, frame_size, 1))
    first_pixels = torch.arange(num_sequences * num_frames, device=device) * frame_size**2
    first_pixels = first_pixels.view(num_sequences, 1, num_frames)
    begins = first_pixels + corners[..., 0] * frame_size + corners[..., 1]
    for digit in range(num_digits):
        begin, drawn = begins[:, digit], digits[:, digit, None].expand(-1, num_frames, -1, -1)
        windows[begin] = drawn if digit == 0 else torch.maximum(windows[begin], drawn)
    return frames.view(num_sequences, num_frames, frame_size**2)


def _area_weights(before: int, after: int) -> Float[Tensor, "after before"]:
    """Return the share of each new pixel that each old one covers, along one axis."""
    new = torch.arange(after).unsqueeze(1) * (before / after)
    old = torch.arange(before)
    covered = torch.minimum(new + before / after, old + 1) - torch.maximum(new, old)
    return covered.clamp(min=0) * (after / before)

"""Errors of simple guesses of frames, and the mean frame of moving digits, which is the best blind guess."""

import math
from typing import NamedTuple

import torch
from jaxtyping import Float, UInt8
from torch import Tensor
from torch.nn import functional

from failmap.datasets.chance import Chance, PartialSolution

#: Guesses from a picture are kept half a level of brightness away from certainty: a guess that is certain
#: and wrong has no finite cross-entropy.
HALF_LEVEL = 0.5 / 255
#: Least brightness of the mean frame: a pixel that is always black in training need not be so in another set.
_LEAST_MEAN = 1e-6
#: Brightness of a raw pixel is 0 to LEVELS.
LEVELS = 255
#: Digits that are counted, and levels that are spread over the frame, at a time.
_DIGITS_CHUNK, _LEVELS_CHUNK = 4096, 32


def per_frame_cross_entropy(
    probabilities: Float[Tensor, "batch frames pixels"], targets: Float[Tensor, "batch frames pixels"]
) -> float:
    """Return nats per frame: cross-entropy summed over pixels (Srivastava et al. 2015, table 2).

    A pixel between black and white counts as that share of white. So the least is not 0, but the entropy of
    the targets.
    """
    nats = functional.binary_cross_entropy(probabilities, targets, reduction="none")
    return nats.sum(-1).double().mean().item()


def mean_frame_chance(mean: Float[Tensor, "pixels"], frames: Float[Tensor, "batch frames pixels"]) -> Chance:
    """Return chance: mean squared error and nats per pixel of the mean training frame.

    Nothing that is blind to the input has a lower expectation of either.
    """
    guess = mean.clamp(_LEAST_MEAN, 1 - _LEAST_MEAN).to(frames)
    return Chance(_mean_squared_error(guess, frames), _per_pixel_cross_entropy(guess, frames))


def guess_level(
    name: str, guess: Float[Tensor, "batch #frames pixels"], frames: Float[Tensor, "batch frames pixels"]
) -> PartialSolution:
    """Return the level of a guess: one picture for all frames of a sequence, or one for each."""
    hedged = guess.clamp(HALF_LEVEL, 1 - HALF_LEVEL)
    return PartialSolution(name, _mean_squared_error(guess, frames), _per_pixel_cross_entropy(hedged, frames))


def _mean_squared_error(guess: Tensor, frames: Tensor) -> float:
    return (guess - frames).square().mean(-1).double().mean().item()


def _per_pixel_cross_entropy(guess: Tensor, frames: Tensor) -> float:
    return per_frame_cross_entropy(guess.expand_as(frames), frames) / frames.shape[-1]


class FrameMoments(NamedTuple):
    """Mean and mean square of each pixel's brightness, 0 to 1."""

    mean: Float[Tensor, "pixels"]
    mean_square: Float[Tensor, "pixels"]

    @property
    def of_a_pixel(self) -> tuple[float, float]:
        """Mean and standard deviation over all pixels together."""
        mean = self.mean.mean().item()
        return mean, math.sqrt(self.mean_square.mean().item() - mean**2)


def frame_moments(
    digits: UInt8[Tensor, "digits size size"], frame_size: int, num_digits: int
) -> FrameMoments:
    """Return the moments over all frames of independent digits at uniformly distributed positions.

    A pixel is brighter than v if one of its k digits makes it so: with probability 1 - (1 - s(v))^k, where
    s(v) is the share of all digits at all positions that do. Then E[y] and E[y^2] are sums of that over v.

    Args:
        digits: Brightness from 0 to 255.
        frame_size: Width and height of a frame.
        num_digits: Digits of a frame.
    """
    size = digits.shape[-1]
    num_places = frame_size - size + 1
    offset = torch.arange(frame_size).unsqueeze(1) - torch.arange(size)
    # Which pixel of the digit may be at which pixel of the frame, along one axis.
    spread = ((offset >= 0) & (offset < num_places)).double() / num_places
    mean, mean_square = torch.zeros(2, frame_size, frame_size, dtype=torch.float64)
    levels = torch.arange(LEVELS, dtype=torch.float64).view(-1, 1, 1)
    for tail, level in zip(_tail(digits).split(_LEVELS_CHUNK), levels.split(_LEVELS_CHUNK), strict=True):
        brighter = 1 - (1 - spread @ tail @ spread.T) ** num_digits
        mean += brighter.sum(0) / LEVELS
        mean_square += (brighter * (2 * level + 1)).sum(0) / LEVELS**2
    return FrameMoments(mean.flatten(), mean_square.flatten())


def _tail(digits: UInt8[Tensor, "digits size size"]) -> Float[Tensor, "levels size size"]:
    """Return the share of digits brighter than each level 0 .. LEVELS - 1, for each pixel."""
    num_digits, size, _ = digits.shape
    num_bins = size**2 * (LEVELS + 1)
    first_bins = torch.arange(size**2) * (LEVELS + 1)
    counts = torch.zeros(num_bins, dtype=torch.int64)
    for part in digits.flatten(1).split(_DIGITS_CHUNK):
        counts += torch.bincount((first_bins + part).flatten(), minlength=num_bins)
    up_to = counts.view(size, size, LEVELS + 1).cumsum(-1)[..., :LEVELS]
    return (1 - up_to.double() / num_digits).permute(2, 0, 1)

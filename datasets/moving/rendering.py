"""Draws digits into frames, at whole pixels."""

import torch
from jaxtyping import Float, Int64, UInt8
from torch import Tensor

from failmap.datasets.config import DIGIT_WIDTH

#: Digits that are resized at a time.
_CHUNK = 4096


def resized(pixels: UInt8[Tensor, "digits 784"], size: int) -> UInt8[Tensor, "digits size size"]:
    """Digits of another size, by averaging areas: a pixel is the mean of what it covers, rounded."""
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
    """Frames on a black ground; where digits overlap, the brighter one shows.

    Args:
        digits: their brightness, from 0 up.
        corners: row and column of each digit's upper left corner; each digit lies wholly within.
        frame_size: width and height of a frame.
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
    """What share of each new pixel is covered by each old one, along one axis."""
    new = torch.arange(after).unsqueeze(1) * (before / after)
    old = torch.arange(before)
    covered = torch.minimum(new + before / after, old + 1) - torch.maximum(new, old)
    return covered.clamp(min=0) * (after / before)

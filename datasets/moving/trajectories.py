"""How digits move: straight on, all at one speed, and back from the walls (Srivastava et al. 2015)."""

import math

import torch
from jaxtyping import Float, Int64
from torch import Tensor

#: Share of the way from wall to wall that a digit covers in one frame, as in the authors' program.
SPEED = 0.1


def draw_trajectories(
    generator: torch.Generator, num_sequences: int, num_digits: int, num_frames: int, num_places: int
) -> Int64[Tensor, "sequences digits frames 2"]:
    """Where each digit's upper left corner is in each frame: row and column.

    Starts and directions are uniform and independent, so every place is as likely as any other, in every
    frame: reflection keeps a uniform position uniform, since a direction and its opposite are equally likely.

    Args:
        generator: what they are drawn from, and on which device.
        num_sequences: how many.
        num_digits: digits of a frame.
        num_frames: frames of a sequence.
        num_places: places of a corner from wall to wall, down and across alike.
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
    """The whole pixels 0 .. num_places - 1 that points between walls at 0 and at num_places stand on.

    A reflected path is the straight one, folded: u becomes n - |u mod 2n - n| between walls n apart.

    Args:
        start: where each is in the first frame, in pixels.
        velocity: pixels a frame.
        num_frames: how many.
        num_places: pixels from wall to wall.
    """
    times = torch.arange(num_frames, device=start.device).unsqueeze(-1)
    unfolded = start.unsqueeze(-2) + times * velocity.unsqueeze(-2)
    folded = num_places - (unfolded.remainder(2 * num_places) - num_places).abs()
    # A point right on the far wall stands on the last pixel.
    return folded.long().clamp_(max=num_places - 1)

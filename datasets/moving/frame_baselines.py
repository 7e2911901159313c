"""What simple guesses of frames get, measured on a set: the bars that a network must clear."""

from jaxtyping import Float
from torch import Tensor
from torch.nn import functional

from failmap.datasets.chance import Chance
from failmap.datasets.task import PartialSolution

#: What is guessed from a picture is kept this far from certainty, half a level of brightness: a guess that is
#: certain and wrong has no finite cross-entropy.
HALF_LEVEL = 0.5 / 255
#: Least brightness of the mean frame: what is always black in training need not be so in another set.
_LEAST_MEAN = 1e-6


def per_frame_cross_entropy(
    probabilities: Float[Tensor, "batch frames pixels"], targets: Float[Tensor, "batch frames pixels"]
) -> float:
    """Nats a frame: cross-entropy summed over pixels, mean over frames (Srivastava et al. 2015, table 2).

    A pixel between black and white counts as that share of white. So the least is not 0, but what the targets
    get as their own probabilities.
    """
    nats = functional.binary_cross_entropy(probabilities, targets, reduction="none")
    return nats.sum(-1).double().mean().item()


def mean_frame_chance(mean: Float[Tensor, "pixels"], frames: Float[Tensor, "batch frames pixels"]) -> Chance:
    """What the mean frame of training gets on frames: mean squared error, and nats a pixel.

    Nothing that is blind to the input has a lower expectation of either.
    """
    guess = mean.clamp(_LEAST_MEAN, 1 - _LEAST_MEAN).to(frames)
    return Chance(_mean_squared_error(guess, frames), _per_pixel_cross_entropy(guess, frames))


def guess_level(
    name: str, guess: Float[Tensor, "batch #frames pixels"], frames: Float[Tensor, "batch frames pixels"]
) -> PartialSolution:
    """What a guess gets: one picture for all frames of a sequence, or one for each."""
    hedged = guess.clamp(HALF_LEVEL, 1 - HALF_LEVEL)
    return PartialSolution(name, _mean_squared_error(guess, frames), _per_pixel_cross_entropy(hedged, frames))


def _mean_squared_error(guess: Tensor, frames: Tensor) -> float:
    return (guess - frames).square().mean(-1).double().mean().item()


def _per_pixel_cross_entropy(guess: Tensor, frames: Tensor) -> float:
    return per_frame_cross_entropy(guess.expand_as(frames), frames) / frames.shape[-1]

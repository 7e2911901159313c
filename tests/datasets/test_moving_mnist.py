"""Moving digits: how they move, how they are drawn, and what is asked for."""

from collections.abc import Callable
from itertools import combinations
from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from failmap.datasets.config import MovingMnistConfig
from failmap.datasets.digits import raw_split
from failmap.datasets.errors import TaskError
from failmap.datasets.frame_levels import frame_moments, per_frame_cross_entropy
from failmap.datasets.moving_mnist import MovingMnist
from failmap.datasets.moving_scenes import draw_trajectories, places, render, resized
from failmap.datasets.task import Batch

SMALL = {"frame_size": 16, "digit_size": 8, "sequence_length": 6, "prediction_length": 4, "test_size": 100}


def build(**values: Any) -> MovingMnist:
    return MovingMnist(MovingMnistConfig.model_validate({**SMALL, **values}))


def bounce(start: float, velocity: float, num_frames: int, width: float) -> list[float]:
    """A point that moves step by step and turns around at walls at 0 and at `width`."""
    positions = []
    for _ in range(num_frames):
        positions.append(start)
        start += velocity
        while not 0 <= start <= width:
            start = -start if start < 0 else 2 * width - start
            velocity = -velocity
    return positions


@given(
    num_places=st.integers(2, 60),
    start=st.floats(0, 1),
    velocity=st.floats(-3, 3),
    num_frames=st.integers(1, 30),
)
def test_trajectories_reflect_at_walls(
    num_places: int, start: float, velocity: float, num_frames: int
) -> None:
    start, velocity = start * num_places, velocity * num_places
    as_tensors = (torch.tensor([value], dtype=torch.float64) for value in (start, velocity))
    found = places(*as_tensors, num_frames, num_places).squeeze(-1)
    expected = torch.tensor(bounce(start, velocity, num_frames, num_places), dtype=torch.float64)
    # Rounding may put a point that is right between two pixels on either of them.
    assert ((found >= expected - 1 - 1e-9) & (found <= expected + 1e-9)).all()
    assert 0 <= found.min() <= found.max() < num_places


def test_from_wall_to_wall_and_back() -> None:
    found = places(torch.tensor([2.5]), torch.tensor([2.0]), num_frames=8, num_places=5)
    assert found.flatten().tolist() == [2, 4, 3, 1, 0, 2, 4, 3]


def test_digit_speed() -> None:
    corners = draw_trajectories(torch.Generator().manual_seed(0), 500, 2, num_frames=2, num_places=1000)
    step = (corners[:, :, 1] - corners[:, :, 0]).double()
    away_from_walls = ((corners >= 110) & (corners < 890)).all(dim=(-1, -2))
    assert away_from_walls.sum() > 300
    assert (step[away_from_walls].norm(dim=-1) - 100).abs().max() < 2


@pytest.mark.parametrize("frame", [0, 1, 37])
def test_positions_are_uniform_in_every_frame(frame: int) -> None:
    num_digits, num_places = 40_000, 8
    corners = draw_trajectories(torch.Generator().manual_seed(1), num_digits, 1, frame + 1, num_places)
    row, column = corners[:, 0, frame].unbind(-1)
    counts = torch.bincount(row * num_places + column, minlength=num_places**2).double()
    expected = num_digits / num_places**2
    # Chi-square with 63 degrees of freedom exceeds 150 once in 10^8.
    assert ((counts - expected).square() / expected).sum() < 150


def drawn_by_hand(digits: torch.Tensor, corners: torch.Tensor, frame_size: int) -> torch.Tensor:
    """Frames pixel by pixel: the brightest of all digits."""
    num_sequences, num_digits, num_frames, _ = corners.shape
    size = digits.shape[-1]
    frames = torch.zeros(num_sequences, num_frames, frame_size, frame_size)
    for sequence in range(num_sequences):
        for digit in range(num_digits):
            for frame in range(num_frames):
                row, column = corners[sequence, digit, frame].tolist()
                window = frames[sequence, frame, row : row + size, column : column + size]
                assert window.shape == (size, size), "wholly within the frame"
                window.copy_(torch.maximum(window, digits[sequence, digit]))
    return frames.flatten(2)


@given(frame_size=st.integers(4, 64), data=st.data())
@settings(max_examples=60, deadline=None)
def test_rendering_against_pixel_loop(frame_size: int, data: st.DataObject) -> None:
    digit_size = data.draw(st.integers(3, frame_size - 1), label="digit size")
    num_digits = data.draw(st.integers(1, 2), label="digits")
    generator = torch.Generator().manual_seed(data.draw(st.integers(0, 99), label="seed"))
    corners = draw_trajectories(generator, 3, num_digits, 4, frame_size - digit_size + 1)
    digits = torch.rand(3, num_digits, digit_size, digit_size, generator=generator)
    frames = render(digits, corners, frame_size)
    assert frames.shape == (3, 4, frame_size**2)
    assert torch.equal(frames, drawn_by_hand(digits, corners, frame_size))


def test_overlapping_digits_show_the_brighter_one() -> None:
    digits = torch.tensor([[[[0.2, 0.8]] * 2, [[0.5, 0.5]] * 2]])
    frames = render(digits, torch.zeros(1, 2, 1, 2, dtype=torch.int64), frame_size=3)
    assert frames.view(3, 3).tolist() == torch.tensor([[0.5, 0.8, 0], [0.5, 0.8, 0], [0, 0, 0]]).tolist()


@pytest.mark.parametrize("size", [3, 7, 10, 14, 20, 28, 30, 56])
def test_resizing_keeps_the_brightness(size: int) -> None:
    pixels = torch.from_numpy(raw_split(None).validation.pixels[:50])
    small = resized(pixels, size)
    assert small.shape == (50, size, size)
    torch.testing.assert_close(
        small.flatten(1).float().mean(1), pixels.float().mean(1), atol=0.5, rtol=0, msg="rounding at most"
    )
    if size == 28:
        assert torch.equal(small.flatten(1), pixels)


def test_half_the_size_is_the_mean_of_four() -> None:
    pixels = torch.from_numpy(raw_split(None).validation.pixels[:50])
    expected = torch.nn.functional.avg_pool2d(pixels.view(50, 1, 28, 28).float(), 2).squeeze(1)
    assert (resized(pixels, 14) - expected).abs().max() <= 0.5


def frames_of(target: str, **values: Any) -> Batch:
    return build(target=target, **values).train_batch(seed=5, update=7, batch_size=8, progress=0.5)


def test_each_target_is_made_of_the_same_motion() -> None:
    whole = frames_of("reconstruction_in_order", sequence_length=10, prediction_length=1).targets
    reversed_, in_order, coming, both = map(
        frames_of, ("reconstruction", "reconstruction_in_order", "prediction", "both")
    )
    assert torch.equal(reversed_.targets, reversed_.inputs.flip(1))
    assert torch.equal(in_order.targets, in_order.inputs)
    assert torch.equal(torch.cat((coming.inputs, coming.targets), dim=1), whole), "it goes on as it was shown"
    assert torch.equal(both.targets, torch.cat((coming.inputs.flip(1), coming.targets), dim=1))
    for batch in (reversed_, in_order, coming, both):
        assert torch.equal(batch.inputs, whole[:, :6])


def test_targets_are_their_own_memory() -> None:
    batch = frames_of("reconstruction_in_order")
    batch.inputs.zero_()
    assert batch.targets.max() > 0


@pytest.mark.parametrize("target", ["reconstruction", "reconstruction_in_order", "prediction", "both"])
@pytest.mark.parametrize("num_digits", [1, 2])
def test_form(target: str, num_digits: int) -> None:
    task = build(target=target, num_digits=num_digits)
    task.unseal()
    train = task.train_batch(0, 0, 16, 0.0)
    for batch, num_sequences in ((train, 16), (task.validation_set(), 50), (task.test_set(), 100)):
        assert batch.inputs.shape == (num_sequences, 6, 256)
        assert batch.targets.shape == (num_sequences, sum(task.config.decoded_steps), 256)
        for frames in batch[:2]:
            assert frames.dtype == torch.float32
            assert frames.is_contiguous()
            assert 0 == frames.min() < frames.max() <= 1


@given(frame_size=st.integers(4, 64), data=st.data())
@settings(max_examples=12, deadline=None)
def test_every_size_of_frame_and_digit_works(frame_size: int, data: st.DataObject) -> None:
    digit_size = data.draw(st.integers(3, frame_size - 1))
    task = build(frame_size=frame_size, digit_size=digit_size, test_size=20)
    batch = task.train_batch(0, 0, 4, 0.0)
    assert batch.inputs.shape == (4, 6, frame_size**2)
    assert (batch.inputs.amax(-1) > 0).all(), "every frame shows something"
    assert 0 < task.target_metric < task.chance.metric


def test_batch_depends_on_seed_and_update_only() -> None:
    first, second = build(), build()
    second.train_batch(9, 3, 64, 0.0)
    second.validation_set()
    batch = first.train_batch(2, 11, 32, 0.1)
    again = second.train_batch(2, 11, 32, 0.9)
    other = first.train_batch(2, 12, 32, 0.1)
    assert torch.equal(batch.inputs, again.inputs)
    assert torch.equal(batch.targets, again.targets)
    assert not torch.equal(batch.inputs, other.inputs)


def crops_of(frames: torch.Tensor, size: int) -> set[bytes]:
    """Every window of the given size in some frames that is not black."""
    windows = frames.view(-1, *[round(frames.shape[-1] ** 0.5)] * 2).unfold(1, size, 1).unfold(2, size, 1)
    levels = (windows.reshape(-1, size * size) * 255).round().to(torch.uint8)
    return {row.numpy().tobytes() for row in levels[(levels > 0).any(1)]}


def test_the_three_sets_show_different_digits(make_folder: Callable[[], Path]) -> None:
    """Digits of noise in a frame hardly larger: a window of a frame is a whole digit."""
    task = build(
        folder=str(make_folder()),
        num_digits=1,
        frame_size=29,
        digit_size=28,
        sequence_length=1,
        test_size=400,
    )
    task.unseal()
    split = raw_split(task.config.folder)
    parts = {"train": split.train, "validation": split.validation, "test": split.test}
    assert [len(part.labels) for part in parts.values()] == [540, 60, 200]
    known = {name: {row.tobytes() for row in part.pixels} for name, part in parts.items()}
    shown = {
        "train": crops_of(task.train_batch(0, 0, 400, 0.0).inputs, 28),
        "validation": crops_of(task.validation_set().inputs, 28),
        "test": crops_of(task.test_set().inputs, 28),
    }
    for name, windows in shown.items():
        assert len(windows & known[name]) > 50, "many of its own digits"
        for other in set(known) - {name}:
            assert windows.isdisjoint(known[other])


def test_packaged_digits_are_shared_out_once() -> None:
    split = raw_split(None)
    parts = [{row.tobytes() for row in part.pixels} for part in split]
    assert [len(part.labels) for part in split] == [3500, 500, 1000]
    assert all(one.isdisjoint(other) for one, other in combinations(parts, 2))


@pytest.mark.parametrize("num_digits", [1, 2])
def test_moments_are_those_of_training_frames(num_digits: int) -> None:
    pools = resized(torch.from_numpy(raw_split(None).train.pixels), 8)
    moments = frame_moments(pools, frame_size=16, num_digits=num_digits)
    task = build(num_digits=num_digits)
    frames = torch.cat(
        [task.train_batch(0, update, 2000, 0.0).targets[:, -1] for update in range(5)]
    ).double()
    # Ten thousand independent frames, values within 1: an average strays by 0.04 once in 10^13.
    assert (frames.mean(0) - moments.mean).abs().max() < 0.04
    assert (frames.square().mean(0) - moments.mean_square).abs().max() < 0.04
    assert frames.mean().item() == pytest.approx(task.target_moments[0], rel=0.03)
    assert frames.std().item() == pytest.approx(task.target_moments[1], rel=0.03)


@pytest.mark.parametrize("target", ["reconstruction", "prediction"])
def test_chance_is_the_mean_training_frame(target: str) -> None:
    task = build(target=target, test_size=1000)
    frames = task.validation_set().targets.double()
    seen = torch.cat([task.train_batch(0, update, 2000, 0.0).targets for update in range(5)]).double()
    guess = seen.mean((0, 1)).clamp(1e-6, 1 - 1e-6)
    nats = torch.nn.functional.binary_cross_entropy(guess.expand_as(frames), frames).item()
    assert (guess - frames).square().mean().item() == pytest.approx(task.chance.metric, rel=1e-3)
    assert nats == pytest.approx(task.chance.loss, rel=1e-3)


def test_no_fixed_frames_meet_the_criterion() -> None:
    for target in ("reconstruction", "prediction", "both"):
        task = build(target=target)
        frames = task.validation_set().targets
        best_blind = (frames - frames.mean(0)).square().mean().item()
        assert best_blind > 1.5 * task.target_metric


def test_partial_solutions_are_ordered() -> None:
    task = build(target="reconstruction", num_digits=1)
    names = [level.name for level in task.partial_solutions]
    metrics = [level.metric for level in task.partial_solutions]
    assert "knows where the digits are, not which" in names
    assert task.chance.metric > metrics[0]
    assert metrics == sorted(metrics, reverse=True)
    assert metrics[-1] > 0


def test_last_frame_is_no_partial_solution_of_late_frames() -> None:
    soon, late = (build(num_digits=1, prediction_length=length) for length in (1, 10))
    repeated = "repeats the last frame shown"
    assert repeated in [level.name for level in soon.partial_solutions]
    assert repeated not in [level.name for level in late.partial_solutions]


def test_cross_entropy_is_summed_over_a_frame() -> None:
    targets = torch.tensor([[[0.0, 1.0, 0.5]], [[1.0, 1.0, 0.0]]])
    assert per_frame_cross_entropy(torch.full_like(targets, 0.5), targets) == pytest.approx(3 * 0.6931472)
    assert per_frame_cross_entropy(targets, targets) == pytest.approx(0.6931472 / 2), "grey is never certain"


def test_a_digit_needs_room_to_move() -> None:
    with pytest.raises(ValidationError, match=r"task\.digit_size=16 must be less than task\.frame_size=16"):
        MovingMnistConfig(frame_size=16, digit_size=16)


def test_a_test_set_beyond_memory_is_refused() -> None:
    with pytest.raises(ValidationError, match=r"test_size=1000 .* 1010 frames of 64 x 64 pixels take 17 GB"):
        MovingMnistConfig(sequence_length=1000)


def test_folder_without_the_files_is_refused(tmp_path: Path) -> None:
    with pytest.raises(TaskError, match="train-images-idx3-ubyte: no such file"):
        build(folder=str(tmp_path))


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
def test_a_gpu_shows_the_same_validation_set() -> None:
    task = MovingMnist(MovingMnistConfig.model_validate(SMALL), torch.device("cuda"))
    assert torch.equal(task.validation_set().inputs.cpu(), build().validation_set().inputs)
    assert task.chance == build().chance

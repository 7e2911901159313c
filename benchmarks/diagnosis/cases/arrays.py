"""Small data files for the cases on user-supplied arrays: noisy waves, generated reproducibly."""

from pathlib import Path

import numpy as np

#: Relative to the repository's root, so that configurations are the same on every machine. The target of a
#: sequence is the form of its wave.
WAVES = Path("runs/diagnosis/arrays/waves.npz")
#: The same sequences; the target is the wave's frequency in cycles per step.
WAVE_FREQUENCIES = Path("runs/diagnosis/arrays/wave_frequencies.npz")

_NUM_SEQUENCES, _NUM_STEPS = 2400, 20
#: Sine, square and triangle.
_NUM_FORMS = 3


def write_arrays() -> None:
    """Write both files unless they exist.

    Inputs are (sequence, step, feature): a noisy wave of random phase, and pure noise.
    """
    generator = np.random.default_rng(0)
    frequencies = generator.uniform(0.05, 0.2, size=(_NUM_SEQUENCES, 1))
    turns = frequencies * np.arange(_NUM_STEPS) + generator.uniform(size=(_NUM_SEQUENCES, 1))
    sine = np.sin(2 * np.pi * turns)
    waves = np.stack([sine, np.sign(sine), 2 / np.pi * np.arcsin(sine)])
    forms = generator.integers(_NUM_FORMS, size=_NUM_SEQUENCES)
    wave = waves[forms, np.arange(_NUM_SEQUENCES)]
    noise = generator.normal(scale=0.05, size=(2, _NUM_SEQUENCES, _NUM_STEPS))
    inputs = np.stack([wave + noise[0], noise[1]], axis=-1).astype(np.float32)
    for path, targets in ((WAVES, forms), (WAVE_FREQUENCIES, frequencies[:, 0])):
        if not path.exists():
            path.parent.mkdir(parents=True, exist_ok=True)
            np.savez_compressed(path, inputs=inputs, targets=targets)

"""Small inputs of the cases in this folder, each of which once led to a wrong answer.

`write_inputs(folder)` writes all of them. They are made after public reports and real files.
"""

from pathlib import Path

import numpy as np
import pandas as pd

NUM_SEQUENCES, NUM_STEPS = 600, 8


def write_inputs(folder: Path) -> None:
    """Write all inputs into a folder that exists."""
    random = np.random.default_rng(0)
    _write_identities(folder, random)
    _write_padding(folder, random)
    _write_sets(folder, random)
    _write_series(folder, random)


def _write_identities(folder: Path, random: np.random.Generator) -> None:
    """Noise with rows sorted by class, so that a number of the row tells the class."""
    targets = np.repeat([0, 1, 2], NUM_SEQUENCES // 3)
    noise = random.normal(size=(NUM_SEQUENCES, NUM_STEPS, 2))
    rows = np.repeat(np.arange(NUM_SEQUENCES), NUM_STEPS)
    table = pd.DataFrame(
        {
            "sequence": rows,
            "step": np.tile(np.arange(NUM_STEPS), NUM_SEQUENCES),
            "a": noise[:, :, 0].ravel(),
            "b": noise[:, :, 1].ravel(),
            "target": targets[rows],
        }
    )
    table.to_csv(folder / "with_index.csv")
    table.to_csv(folder / "without_index.csv", index=False)
    table.to_csv(folder / "semicolon.csv", index=False, sep=";", decimal=",")
    np.savez(folder / "str_labels.npz", inputs=noise, targets=np.array(["walk", "run", "sit"])[targets])


def _write_padding(folder: Path, random: np.random.Generator) -> None:
    """Sequences of 5 to 19 steps in arrays of 100, with and without their lengths."""
    lengths = random.integers(5, 20, 800)
    padded = np.zeros((800, 100, 1))
    for number, length in enumerate(lengths):
        padded[number, :length, 0] = random.normal(size=length)
    targets = (padded[:, :3, 0].sum(1) > 0).astype(int)
    np.savez(folder / "zero_pad.npz", inputs=padded, targets=targets)
    np.savez(folder / "zero_pad_len.npz", inputs=padded, targets=targets, lengths=lengths)
    is_step = np.arange(100)[None, :, None] < lengths[:, None, None]
    np.savez(folder / "nan_pad.npz", inputs=np.where(is_step, padded, np.nan), targets=targets)


def _write_sets(folder: Path, random: np.random.Generator) -> None:
    """5 % positives; targets near 5e5; targets that the next input tells."""
    inputs = random.normal(size=(4000, 12, 2))
    sums = inputs[:, :, 0].sum(1)
    is_rare = (sums > np.quantile(sums, 0.95)).astype(int)
    np.savez(folder / "imbalanced.npz", inputs=inputs, targets=is_rare)
    inputs = random.normal(size=(2000, 12, 1))
    np.savez(folder / "big_y.npz", inputs=inputs, targets=5e5 + 1e5 * inputs[:, :, 0].mean(1))
    inputs = random.normal(size=(2500, 20, 1))
    following = np.concatenate([inputs[:, 1:, 0], random.normal(size=(2500, 1))], axis=1)
    np.savez(folder / "next_value.npz", inputs=inputs, targets=following)


def _write_series(folder: Path, random: np.random.Generator) -> None:
    """Series with an index, a bad cell, a doubled hour, a trend, a year, few rows."""
    hours = pd.date_range("2024-01-01", periods=3000, freq="h")
    values = np.sin(np.arange(1200) / 24 * 2 * np.pi) + 0.1 * random.normal(size=1200)
    series = pd.DataFrame({"time": hours[:1200], "v": values})
    shuffled = series.sample(frac=1, random_state=0)
    shuffled.set_index("time").to_parquet(folder / "pq_index.parquet")
    shuffled.to_parquet(folder / "pq_shuffled.parquet")
    dotted = series.assign(v=series.v.round(3).astype(str))
    dotted.loc[700, "v"] = "."
    dotted.to_csv(folder / "dot_missing.csv", index=False)
    local = pd.date_range("2024-10-25", periods=900, freq="h", tz="Europe/Berlin").tz_localize(None)
    pd.DataFrame({"time": local, "v": values[:900]}).to_csv(folder / "dst.csv", index=False)
    walk = 100 + random.normal(size=3000).cumsum()
    pd.DataFrame({"time": hours, "price": walk}).to_csv(folder / "walk.csv", index=False)
    days = np.arange(2000)
    trend = days * 0.1 + 5 * np.sin(days / 7 * 2 * np.pi) + 0.3 * random.normal(size=2000)
    dates = pd.date_range("2020-01-01", periods=2000)
    pd.DataFrame({"time": dates, "v": trend}).to_csv(folder / "trend.csv", index=False)
    months = np.arange(144)
    counts = (100 + 2.5 * months) * (1 + 0.2 * np.sin(months / 12 * 2 * np.pi))
    dates = pd.date_range("1949-01-01", periods=144, freq="MS")
    monthly = pd.DataFrame({"Date": dates.strftime("%Y-%m"), "count": counts})
    monthly.to_csv(folder / "monthly.csv", index=False)
    years = np.arange(1700, 2009)
    counts = 50 + 45 * np.sin(years / 11 * 2 * np.pi) + 10 * random.normal(size=len(years))
    pd.DataFrame({"YEAR": years, "count": counts}).to_csv(folder / "yearly.csv", index=False)
    pd.DataFrame({"v": random.normal(size=104)}).to_csv(folder / "tiny_noise.csv", index=False)

"""Attenuation of the signal with depth, and ways to avoid it."""

from itertools import pairwise

import torch
from scipy import stats

from benchmarks.known_results.claim import Arms, Claim, Result, Verdict, learned_counts, seeds
from failmap.models import build_model
from failmap.models.config import LSTMConfig
from failmap.models.network import Interface

#: Factor per layer at torch's default initialization and 512 units.
_SHRINKAGE = 4.0
#: Significance level of the log-rank test.
_SIGNIFICANT = 0.01


def _spreads(num_steps: int, **settings: object) -> list[float]:
    """Return the spread over a batch of each layer's outputs at the last step."""
    torch.manual_seed(0)
    config = LSTMConfig.model_validate({"depth": 5, "hidden_size": 512, **settings})
    network = build_model(config, Interface(1, 1, num_steps)).eval()
    with torch.no_grad():
        trace = network.trace(torch.randint(0, 2, (128, num_steps, 1)).float())
    return [layer.outputs[:, -1].std(dim=0).square().mean().sqrt().item() for layer in trace.layers]


def _shrinks(_: Arms) -> Verdict:
    short, long = _spreads(10), _spreads(100)
    factors = [below / above for spreads in (short, long) for below, above in pairwise(spreads)]
    mean = (short[0] / short[-1]) ** (1 / 4)
    found = f"{short[0]:.1e} to {short[-1]:.1e}, {mean:.1f} times a layer (T=10); "
    found += f"{long[0]:.1e} to {long[-1]:.1e} (T=100)"
    return Verdict(found, all(_SHRINKAGE / 1.5 < factor < _SHRINKAGE * 1.5 for factor in factors))


def _is_kept(_: Arms) -> Verdict:
    kept = {name: _spreads(10, **{name: True}) for name in ("residual", "layer_norm")}
    found = "; ".join(f"{name}: {spreads[0]:.1e} to {spreads[-1]:.1e}" for name, spreads in kept.items())
    return Verdict(found, all(spreads[-1] > spreads[0] / 2 for spreads in kept.values()))


def _learns_sooner(arms: Arms) -> Verdict:
    """Apply a log-rank test to the updates until learned; trials that have not learned are censored."""
    plain, residual = (_until_learned(arms[name]) for name in ("plain", "residual"))
    p = float(stats.logrank(residual, plain).pvalue)
    pairs = list(zip(arms["residual"], arms["plain"], strict=True))
    sooner = sum(
        one.has_learned and (not other.has_learned or one.updates < other.updates) for one, other in pairs
    )
    found = f"{learned_counts(arms)}; sooner on {sooner} of {len(pairs)} seeds, log-rank p = {p:.1g}"
    return Verdict(found, p < _SIGNIFICANT and sooner > len(pairs) / 2)


def _until_learned(results: list[Result]) -> stats.CensoredData:
    return stats.CensoredData(
        uncensored=[result.updates for result in results if result.has_learned],
        right=[result.updates for result in results if not result.has_learned],
    )


CLAIMS = [
    Claim(
        topic="depth, shrinkage",
        statement="at initialization of 5x512, the part of the state that depends on the input shrinks about "
        "4 times a layer, at any length",
        source="measured beforehand with torch alone; its U(-1/sqrt(n), 1/sqrt(n)) shrinks the input",
        expected="each factor within 4 x/÷ 1.5",
        judge=_shrinks,
    ),
    Claim(
        topic="depth, what keeps it",
        statement="residual connections or layer norm keep the signal at the fifth layer",
        source="He et al. 2016; Ba et al. 2016",
        expected="at least half of the first layer's",
        judge=_is_kept,
    ),
    Claim(
        topic="depth, residual",
        statement="five layers learn to add 20 numbers sooner with residual connections",
        source="He et al. 2016; Wu et al. 2016 (residual LSTMs)",
        expected=f"log-rank p below {_SIGNIFICANT:g}, paired seeds",
        judge=_learns_sooner,
        arms={
            name: seeds(
                8,
                task={"name": "adding", "sequence_length": 20},
                model={"name": "lstm", "depth": 5, "residual": name == "residual"},
                train={"learning_rate": 3e-3, "clip_norm": 1.0, "max_updates": 1500},
            )
            for name in ("plain", "residual")
        },
    ),
]

"""Memory tasks: baselines, gates, and their initialization."""

import math
import statistics

import torch
from scipy import stats

from benchmarks.known_results.claim import Arms, Claim, Verdict, expects_counts, learned_counts, seeds
from failmap.datasets import build_task
from failmap.datasets.config import AddingConfig, CopyMemoryConfig, TaskConfig

#: Sequences in the simulation of a blind guess.
_NUM_SEQUENCES = 200_000


def _adding(length: int) -> dict[str, object]:
    return {"name": "adding", "sequence_length": length}


def _recall(length: int) -> dict[str, object]:
    return {"name": "delayed_recall", "sequence_length": length}


def _trained(max_updates: int, **settings: object) -> dict[str, object]:
    return {"learning_rate": 3e-3, "clip_norm": 1.0, "max_updates": max_updates, **settings}


def _simulated_blind_loss(config: TaskConfig) -> float:
    """Return the loss of predicting, at each step, the distribution of that step on other sequences."""
    task = build_task(config)
    seen, asked = (
        torch.cat(
            [task.train_batch(part, update, 2000, 0.0).targets for update in range(_NUM_SEQUENCES // 2000)]
        )
        for part in (0, 1)
    )
    if config.target_kind == "number":
        return (asked - seen.mean(0)).square().mean().item()
    shares = torch.stack([(seen == label).double().mean(0) for label in range(task.output_size)], dim=-1)
    return statistics.fmean(
        -shares[step].clamp_min(1e-12).log()[asked[:, step]].mean().item() for step in range(asked.shape[1])
    )


def _baseline(topic: str, config: TaskConfig, formula: str, value: float, source: str) -> Claim:
    def judge(_: Arms) -> Verdict:
        stated, simulated = build_task(config).chance.loss, _simulated_blind_loss(config)
        agrees = round(stated, 6) == round(value, 6) and math.isclose(simulated, value, rel_tol=0.01)
        return Verdict(f"{stated:.4f} stated, {simulated:.4f} simulated", agrees)

    return Claim(
        topic=topic,
        statement=f"a guess that is blind to the input gets {formula}",
        source=source,
        expected=f"{value:.4f}; the simulation within 1 %",
        judge=judge,
    )


def _remember(arms: Arms) -> Verdict:
    """Compare torch's biases, a forget bias of 3 and chrono biases.

    With a forget bias alone, a cell accumulates its input bias over a hundred steps until tanh saturates. At
    initialization 45 % of the cells are beyond 2 for a bias of 3 (80 % for 5), on some seeds permanently.
    Chrono's input bias, -b_forget, keeps them near 0.1.
    """
    counts = {name: sum(result.has_learned for result in results) for name, results in arms.items()}
    learned, plain = counts["bias 3"], counts["torch"]
    num_seeds = len(arms["torch"])
    table = [[learned, num_seeds - learned], [plain, num_seeds - plain]]
    p = float(stats.fisher_exact(table, alternative="greater").pvalue)
    holds = plain == 0 and counts["chrono"] == num_seeds and p < 0.05
    return Verdict(f"{learned_counts(arms)}; p = {p:.1g}", holds)


CLAIMS = [
    _baseline(
        "adding, baseline",
        AddingConfig(sequence_length=100),
        "1/6",
        1 / 6,
        "variance of two U(0, 1); Arjovsky et al. 2016 give 0.167",
    ),
    _baseline(
        "copy, baseline",
        CopyMemoryConfig(sequence_length=100),
        "10 ln 8 / (T + 20)",
        10 * math.log(8) / 120,
        "Arjovsky et al. 2016, section 5.1",
    ),
    Claim(
        topic="adding, gates",
        statement="LSTM and GRU learn 50 steps, a plain network does not",
        source="Hochreiter and Schmidhuber 1997; Chung et al. 2014",
        expected="LSTM and GRU 4 of 4, plain 0 of 4",
        judge=expects_counts(lstm=4, gru=4, rnn=0),
        arms={
            name: seeds(4, task=_adding(50), model={"name": name}, train=_trained(2500))
            for name in ("lstm", "gru", "rnn")
        },
    ),
    Claim(
        topic="recall, gates",
        statement="gates that begin open hold a bit for 100 steps; a plain network does not",
        source="Gers et al. 2000; Jozefowicz et al. 2015 (forget bias)",
        expected="LSTM and GRU 4 of 4, plain 0 of 4",
        judge=expects_counts(lstm=4, gru=4, rnn=0),
        arms={
            name: seeds(4, task=_recall(100), model={"name": name, **settings}, train=_trained(1000))
            for name, settings in (("lstm", {"chrono": True}), ("gru", {"chrono": True}), ("rnn", {}))
        },
    ),
    Claim(
        topic="recall, torch's initialization",
        statement="at torch's default initialization a plain network holds a bit for 40 steps, an LSTM does "
        "not: a gate that is half open halves the memory at each step",
        source="measured beforehand; Gers et al. 2000 and Jozefowicz et al. 2015 open the gate by its bias",
        expected="plain 8 of 8, LSTM 0 of 8",
        judge=expects_counts(rnn=8, lstm=0),
        arms={
            name: seeds(8, task=_recall(40), model={"name": name}, train=_trained(1500))
            for name in ("rnn", "lstm")
        },
    ),
    Claim(
        topic="recall, forget bias and chrono",
        statement="at T=100 networks with torch's biases forget, those with a forget bias of 3 remember more "
        "often, and those with chrono biases always",
        source="Gers et al. 2000; Tallec and Ollivier 2018",
        expected="torch's 0 of 8, chrono 8 of 8; bias 3 above torch's (Fisher's exact p < 0.05)",
        judge=_remember,
        arms={
            name: seeds(8, task=_recall(100), model={"name": "lstm", **settings}, train=_trained(1000))
            for name, settings in (
                ("torch", {}),
                ("bias 3", {"forget_bias": 3.0}),
                ("chrono", {"chrono": True}),
            )
        },
    ),
    Claim(
        topic="adding, IRNN",
        statement="rectified units with an identity recurrence learn where tanh units do not",
        source="Le et al. 2015, section 4.1",
        expected="identity 4 of 4, tanh 0 of 4, at T=100",
        judge=expects_counts(identity=4, tanh=0),
        arms={
            name: seeds(
                4,
                task=_adding(100),
                model={"name": "rnn", "hidden_size": 100, **settings},
                train=_trained(2500, learning_rate=1e-3),
            )
            for name, settings in (
                ("identity", {"nonlinearity": "relu", "initialization": "identity"}),
                ("tanh", {}),
            )
        },
    ),
]

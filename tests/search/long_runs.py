"""Runs that are under way until somebody ends them, and how long is waited for the end of any."""

#: Longer than anything takes on a slow, busy machine. A hang is reported; nothing is timed.
PATIENCE_SECONDS = 600

NO_LIMIT = "budget.minutes=none"
#: On a machine however fast: no budget of updates runs out, weights move by too little to learn anything, and
#: perfect they never are.
ENDLESS = (
    "space=smoke",
    "task=adding",
    "task.sequence_length=5",
    "model.depth=1",
    "model.hidden_size=8",
    "train.max_updates=100000000",
    "train.evaluate_every=10",
    "train.learning_rate=1e-6",
    "criterion.score=1",
    NO_LIMIT,
)

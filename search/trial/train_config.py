"""How one trial is trained. Knows no torch."""

from typing import Literal

from pydantic import Field

from datasets.config import Config


class TrainConfig(Config):
    """How one trial is trained. An update is one optimizer step."""

    optimizer: Literal["adam", "adamw", "rmsprop", "sgd"] = Field(default="adam", description="torch.optim's")
    learning_rate: float = Field(default=3e-3, gt=0, le=1e3, description="at the schedule's highest point")
    momentum: float = Field(default=0.0, ge=0, lt=1, description="of sgd and rmsprop")
    weight_decay: float = Field(default=0.0, ge=0, description="L2 penalty; decoupled for adamw")
    schedule: Literal["constant", "step", "exponential", "cosine"] = Field(
        default="constant", description="how the learning rate falls over the update budget"
    )
    final_share: float = Field(
        default=0.1,
        ge=0,
        le=1,
        description="share of the learning rate left at the end (step, exponential, cosine)",
    )
    step_count: int = Field(default=3, ge=1, description="equal falls of the step schedule")
    warmup_updates: int = Field(
        default=0, ge=0, description="updates over which the learning rate rises from 0"
    )
    clip_norm: float | None = Field(
        default=None, gt=0, description="largest gradient norm; none: not clipped"
    )
    batch_size: int = Field(default=64, ge=1, le=1_000_000, description="sequences of one update")
    max_updates: int = Field(default=1500, ge=1, le=100_000_000, description="update budget of one trial")
    evaluate_every: int = Field(default=50, ge=1, description="updates from one evaluation to the next")

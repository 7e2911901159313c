"""What a task on the user's own arrays may be asked for."""

from typing import ClassVar, Literal

from pydantic import Field

from datasets.config.base import Metric, TaskConfig


class ArrayFileConfig(TaskConfig):
    """Sequences out of a file: .npz, .csv or .parquet (docs/your_data.md tells the forms)."""

    metric: ClassVar[Metric] = "mean_squared_error"

    name: Literal["array_file"] = "array_file"
    path: str = Field(default="", description="the file: .npz, .csv or .parquet")

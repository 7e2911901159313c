"""Settings of tasks on the user's own arrays."""

from typing import Any, ClassVar, Literal

from pydantic import Field, model_validator

from failmap.datasets.chance import Chance
from failmap.datasets.config.base import ClassMetric, Metric, TargetKind, TargetLayout, TaskConfig

Split = Literal["auto", "random", "group", "time"]

#: Supported file formats, by suffix.
FILE_FORMS = (".npz", ".csv", ".tsv", ".csv.gz", ".tsv.gz", ".parquet", ".ts", ".arff", ".tsf")
#: Steps, features and validation sequences with which costs are estimated before the file is read.
NOMINAL_NUM_STEPS, NOMINAL_NUM_FEATURES, NOMINAL_VALIDATION_SIZE = 100, 8, 500
#: Training sequences for each validation sequence: those of the default test_share.
_NOMINAL_TRAIN_RATIO = 7
#: Share of the way from chance to perfection that counts as learned. The user's labels hold noise of unknown
#: size: near 1 every network would count as failed, and below one half a trace of signal as learned.
_TARGET_SKILL = 0.6

#: What runs stored for columns that nobody had named: these were optional, and a named column is required.
_FORMER_DEFAULTS = {
    "sequence_column": "sequence",
    "step_column": "step",
    "time_column": "time",
    "group_column": "group",
}


class ArrayFileConfig(TaskConfig):
    """Sequences from a file: .npz, .csv, .parquet and others (docs/your_data.md describes their layout).

    The target is a class or a number, of each sequence or at every step, or the continuation of a series.
    """

    source_setting: ClassVar[str | None] = "path"

    name: Literal["array_file"] = "array_file"
    path: str = Field(default="", description=f"the file: {', '.join(FILE_FORMS)}")
    target: Literal["classification", "regression", "forecasting"] = Field(
        default="classification", description="what is asked for: a class, a number, or the steps to come"
    )
    metric: ClassMetric | None = Field(
        default=None,
        description="classification: what criterion and score measure; f1 and auroc are means over the "
        "classes; none: accuracy",
    )
    class_weights: Literal["none", "balanced"] = Field(
        default="none",
        description="classification: balanced weighs each label's training loss by the inverse frequency of "
        "its class in training",
    )
    supervision: Literal["last", "every_step"] = Field(
        default="last", description="whether the file has one target for a sequence, or one at every step"
    )
    sequence_length: int = Field(
        default=0,
        ge=0,
        le=100_000,
        description="steps that are shown, the last of each sequence; 0: all; forecasting: steps of history",
    )
    horizon: int = Field(default=1, ge=1, le=10_000, description="forecasting: steps to come, asked for")
    split: Split = Field(
        default="auto",
        description="how validation and test are held out: the latest, whole groups, or at random; auto: by "
        "time if the file has times, else by group if it has groups, else at random",
    )
    validation_path: str | None = Field(
        default=None, description="a file of its own for validation, in the format of task.path"
    )
    test_path: str | None = Field(
        default=None, description="a file of its own for the test, in the format of task.path"
    )
    allow_leakage: bool = Field(
        default=False,
        description="take task.split=random although the file has times or groups, which then reach from "
        "training into the test",
    )
    test_share: float = Field(
        default=0.2,
        gt=0,
        lt=0.6,
        description="share of the file that the test takes; validation has half of it",
    )
    test_size: int = Field(
        default=0,
        ge=0,
        description="test sequences, in place of test_share; validation has half as many; 0: by test_share",
    )
    train_size: int | None = Field(
        default=None, ge=2, le=100_000_000, description="training sequences; none: all that are left"
    )
    normalise: bool = Field(
        default=True,
        description="shift and scale each feature, and targets that are numbers, by the training part's mean "
        "and deviation",
    )
    padding: Literal["keep", "trim"] = Field(
        default="keep",
        description="sequences that end in unchanging rows, as padding without lengths does: keep them, "
        "or trim each sequence where they begin",
    )
    one_hot: str | int | None = Field(
        default=None,
        description="features that hold codes without an order, shown as one 0 or 1 for each code of the "
        "training part: names or numbers from 0, as in shop+weekday",
    )
    differences: bool = Field(
        default=False,
        description="show the change of each feature from the step before in place of its value; 0 at the "
        "first step of a sequence or series",
    )
    forecast: Literal["level", "change"] = Field(
        default="level",
        description="forecasting: ask for the values to come, or for their change from the last value shown; "
        "errors and the score stay those of the values",
    )
    later_inputs: Literal["checked", "allowed"] = Field(
        default="checked",
        description="targets at every step that later inputs tell, to a bidirectional network: reported by "
        "the preflight, or allowed because the question is asked with the whole sequence known",
    )
    sequence_column: str = Field(
        default="auto", description="table: which sequence a row belongs to; auto: `sequence`"
    )
    step_column: str = Field(
        default="auto", description="table: the order of a sequence's rows; auto: `step`, if there is one"
    )
    time_column: str = Field(
        default="auto", description="table: when a row was, one clock for all; auto: `time`, if there is one"
    )
    time_format: str | None = Field(
        default=None,
        description="table: how dates are written, as in %d.%m.%Y (none: ISO 8601, 2024-03-01 12:00)",
    )
    group_column: str = Field(
        default="auto",
        description="table: patient, machine, ... of a sequence; auto: `group`, if there is one; none: there "
        "are no groups (also for .npz), and features that look like groups are inputs",
    )
    target_column: str | int | None = Field(
        default=None,
        description="table: the target (none: `target`); forecasting: the one feature asked for, in an .npz "
        "by its number from 0 (none: all)",
    )
    ignored_columns: str | None = Field(
        default=None, description="table: columns to leave out, as in name+comment"
    )

    kept_columns: str | None = Field(
        default=None,
        description="features that are inputs although they look like ids or counters, as in year+serial",
    )
    layout: Literal["steps", "wide"] = Field(
        default="steps", description="table: a row is a step of a sequence, or (wide) a whole sequence"
    )
    separator: Literal["auto", "comma", "semicolon", "tab", "bar", "space"] = Field(
        default="auto", description=".csv, .tsv: what separates the columns"
    )
    decimal: Literal["auto", "point", "comma"] = Field(
        default="auto", description=".csv, .tsv: the decimal sign; auto: as the cells show"
    )

    @property
    def held_out_paths(self) -> tuple[str, ...]:
        """The files of its own that validation or test has."""
        return tuple(path for path in (self.validation_path, self.test_path) if path is not None)

    @property
    def source_paths(self) -> tuple[str, ...]:
        """All files that the task reads."""
        return (self.path, *self.held_out_paths) if self.path else ()

    @property
    def num_features(self) -> int:
        """Features of one time step; nominal, since only the file knows them."""
        return NOMINAL_NUM_FEATURES

    @property
    def num_train(self) -> int:
        """Training sequences; nominal unless set, since only the file knows them."""
        return self.train_size or _NOMINAL_TRAIN_RATIO * self.validation_size

    def target_metric(self, chance: Chance | None = None) -> float:
        """Return the metric at a fixed skill; chance must be measured on the data."""
        assert chance is not None, "only the data determine chance"
        return self.metric_at_skill(_TARGET_SKILL, chance)

    @property
    def target_kind(self) -> TargetKind:
        """A class, or a number."""
        return "category" if self.target == "classification" else "number"

    @property
    def metric_name(self) -> Metric:
        """Metric of the criterion."""
        return (self.metric or "accuracy") if self.target == "classification" else "mean_squared_error"

    @property
    def target_layout(self) -> TargetLayout:
        """Of each sequence, at every step, or of the steps to come."""
        if self.target == "forecasting":
            return "decoded"
        return "step" if self.supervision == "every_step" else "sequence"

    @property
    def decoded_steps(self) -> tuple[int, ...]:
        """The horizon of a forecast."""
        return (self.horizon,) if self.target == "forecasting" else ()

    @property
    def continues_input(self) -> bool:
        """Whether the targets continue the first features of the input."""
        return self.target == "forecasting" and self.forecast == "level" and not self.differences

    @property
    def num_steps(self) -> int:
        """Time steps of the longest input; nominal where only the file knows them."""
        return self.sequence_length or NOMINAL_NUM_STEPS

    @property
    def validation_size(self) -> int:
        """Sequences of the validation set; nominal where only the file knows them."""
        return self.test_size // 2 or NOMINAL_VALIDATION_SIZE

    @model_validator(mode="before")
    @classmethod
    def _without_old_defaults(cls, values: Any) -> Any:
        """Drop the former defaults, which runs stored as if they had been named, without a `time_format`."""
        is_old = isinstance(values, dict) and "time_format" not in values
        if is_old and _FORMER_DEFAULTS.items() <= values.items():
            return {key: value for key, value in values.items() if key not in _FORMER_DEFAULTS}
        return values

    @model_validator(mode="after")
    def _parts_fit(self) -> "ArrayFileConfig":
        problems = []
        if self.path and not self.path.lower().endswith(FILE_FORMS):
            hint = "" if "." in self.path else " (a comma stands between two files of an axis)"
            problems.append(f"task.path={self.path}: must end in {', '.join(FILE_FORMS)}{hint}")
        if self.test_path is not None and self.test_size and self.validation_path is not None:
            problems.append(f"task.test_size={self.test_size}: validation and test have files of their own")
        for name in ("validation_path", "test_path"):
            path = getattr(self, name)
            if path is not None and not path.lower().endswith(FILE_FORMS):
                problems.append(f"task.{name}={path}: must end in {', '.join(FILE_FORMS)}")
            if path is not None and path == self.path:
                problems.append(f"task.{name}={path}: is the file that is trained on")
        if self.test_size == 1:
            problems.append("task.test_size=1: must be at least 2, or 0 for a share of the file")
        if self.target == "forecasting":
            if self.sequence_length == 0:
                problems.append(
                    "task.sequence_length: is missing: how many steps of history is a forecast shown?"
                )
            if self.supervision == "every_step":
                problems.append("task.supervision=every_step: a forecast is made once, after the history")
        elif self.forecast != "level":
            problems.append(f"task.forecast={self.forecast} is a setting of task.target=forecasting only")
        if self.target != "forecasting" and self.horizon != 1:
            problems.append(f"task.horizon={self.horizon} is a setting of task.target=forecasting only")
        if self.target != "classification":
            chosen = {"metric": self.metric, "class_weights": self.class_weights}
            problems += [
                f"task.{key}={value} is a setting of task.target=classification only"
                for key, value in chosen.items()
                if value not in (None, "none")
            ]
        if problems:
            raise ValueError("\n".join(problems))
        return self

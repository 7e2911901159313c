"""The commands that go on from a finished session."""

from analysis.records import RunFolder
from analysis.wording import count_words, label_text, path_words
from search.config import RunConfig
from search.storage import resume_command


def next_steps(config: RunConfig, folder: RunFolder) -> list[tuple[str, str]]:
    """What to do next, in words, and the command that does it."""
    resume, space, budget = resume_command(folder), config.space, config.budget
    steps = []
    if budget.minutes is not None:
        steps.append(("More minutes, for the cells that were not reached:", f"{resume} budget.minutes=30"))
    if space.recipe_axes:
        names = ", ".join(path_words(axis.path) for axis in space.recipe_axes)
        steps.append(
            (
                f"More recipes ({names}), where the default one fails:",
                f"{resume} budget.recipes={budget.recipes + 2} budget.minutes=60",
            )
        )
    facet = space.axis(space.map.facet) if space.map.facet is not None else None
    if facet is not None and budget.facets is not None and len(facet.values or ()) > budget.facets:
        labels = ", ".join(label_text(facet.label(value)) for value in (facet.values or ())[budget.facets :])
        steps.append(
            (
                f"The next facets ({path_words(facet.path)} {labels}):",
                f"{resume} budget.facets={budget.facets + 1} budget.minutes=120",
            )
        )
    if space.name == "lstm_depth":
        longest = max(space.axis("task.sequence_length").values or ())
        steps += [
            (
                f"512 units, 5 layers, length {longest}, {count_words(5, 'seed')}, on a GPU cluster:",
                f"python -m search.run space=lstm_depth budget=full model.hidden_size=512 model.depth=5 "
                f"task.sequence_length={longest} cluster.address=auto",
            ),
            (
                "Odd or even, a label at the last step beside one at every step:",
                "python -m search.run space=supervision",
            ),
        ]
    return steps

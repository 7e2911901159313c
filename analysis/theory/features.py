"""What a forecast goes by: signals of a network that is not trained yet, and what each may say."""

from collections.abc import Mapping

#: What is measured of a cell at initialization, by name (docs/theory.md); the medians over its seeds.
SIGNALS = (
    "log10_gradient_share_at_first",
    "log10_gradient_share_mean",
    "reach_share",
    "log10_spread_share",
    "label_signal",
    "floor_share",
    "log10_parameters",
    "log10_steps",
    "depth",
)

#: Numbers made of the signals, each with the sign that theory gives its weight; 0: either. A gradient that
#: fades in time, or a spread that does in depth, can only harm, and so can a gradient that grows.
SIGNAL_SIGNS = {
    "gradient_fading_at_first": 1,
    "gradient_growth_at_first": -1,
    "gradient_fading_mean": 1,
    "reach_share": 1,
    "spread_fading": 1,
    "label_signal": 1,
}
SIZE_SIGNS = {"log10_parameters": 0, "log10_steps": -1, "depth": -1}
#: The numbers of the forecast itself.
SIGNS = SIGNAL_SIGNS | SIZE_SIGNS

#: An output head whose floor takes away more than this share of what learning could gain cannot learn: what
#: `search.commands.check` fails it for.
HOPELESS_FLOOR_SHARE = 0.5


def numbers(signals: Mapping[str, float]) -> dict[str, float]:
    """The numbers that a forecast adds up: fading and growth, in decades, apart from each other."""
    first, mean = signals["log10_gradient_share_at_first"], signals["log10_gradient_share_mean"]
    return {
        "gradient_fading_at_first": min(first, 0.0),
        "gradient_growth_at_first": max(first, 0.0),
        "gradient_fading_mean": min(mean, 0.0),
        "reach_share": signals["reach_share"],
        "spread_fading": min(signals["log10_spread_share"], 0.0),
        "label_signal": signals["label_signal"],
        **{name: signals[name] for name in SIZE_SIGNS},
    }


def is_hopeless(signals: Mapping[str, float]) -> bool:
    """Whether the output head alone rules learning out."""
    return signals["floor_share"] > HOPELESS_FLOOR_SHARE

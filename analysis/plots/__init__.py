"""Pictures of the failure map and of range tests. No other package imports matplotlib."""

from failmap.analysis.plots.overview import draw_failure_map, write_failure_map
from failmap.analysis.plots.paper import FIGURES, draw_for_paper, write_for_papers
from failmap.analysis.plots.range_test import RateCurve, write_range_test

__all__ = [
    "FIGURES",
    "RateCurve",
    "draw_failure_map",
    "draw_for_paper",
    "write_failure_map",
    "write_for_papers",
    "write_range_test",
]

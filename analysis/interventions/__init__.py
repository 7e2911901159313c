"""What interventions showed: which fix worked in which cell, and what a recipe that learned had needed."""

from analysis.interventions.comparisons import Comparison, ablation_comparisons, rescue_comparisons
from analysis.interventions.confirmation import Confirmation, confirmations, verdict
from analysis.interventions.edges import Edge, moved_edges
from analysis.interventions.pairs import Pairs
from analysis.interventions.table import rescue_csv
from analysis.interventions.words import ablation_lines, rescue_lines

__all__ = [
    "Comparison",
    "Confirmation",
    "Edge",
    "Pairs",
    "ablation_comparisons",
    "ablation_lines",
    "confirmations",
    "moved_edges",
    "rescue_comparisons",
    "rescue_csv",
    "rescue_lines",
    "verdict",
]

"""Evaluation of interventions: which fix worked in which cell, and what a recipe that learned needed."""

from failmap.analysis.interventions.comparisons import (
    Comparison,
    Pairs,
    ablation_comparisons,
    rescue_comparisons,
)
from failmap.analysis.interventions.confirmation import Confirmation, confirmations, verdict
from failmap.analysis.interventions.edges import Edge, moved_edges
from failmap.analysis.interventions.summary import ablation_lines, rescue_csv, rescue_lines

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

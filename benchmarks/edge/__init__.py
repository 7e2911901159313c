"""What finding the edge of learning costs, replayed on tables of trainings that were made once."""

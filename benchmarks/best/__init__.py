"""goal=best beside Optuna and Ray Tune: on tables of trained recipes, and on one real data set."""

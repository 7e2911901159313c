"""Public reports of networks that did not learn, rebuilt as small PyTorch scripts with repaired twins."""

#!/bin/sh
# Optuna's default importance (PED-ANOVA) where one trial in eleven succeeds, and one axis decides which.
# Versions: optuna 5.0.0, numpy 2.4.6, scikit-learn 1.7.2; seen on 2026-11-30 with Python 3.11.
# Most would guess: 100 trials, of which those with the largest `rate` have the value 1 and all others 0: `rate` is what
#   matters, whether 9 or 10 of them succeed.
# Seen: with 10 successes `rate` gets 0.99 of the importance. With 9 it gets a third, as do two axes that do nothing, and
#   nothing is said. fANOVA gives `rate` all of it in both cases:
#     9 of 100: default 0.33 0.33 0.33, fanova 1.00 0.00 0.00
#     10 of 100: default 0.99 0.00 0.01, fanova 1.00 0.00 0.00
#   The evaluator compares the best tenth of the trials with all. Where the tenth ends in a tie, all that tie are taken
#   for the best: everything is compared with itself, the importances are 0, and equal shares after normalisation.
# Why it matters: recurrent networks learn all or nothing, and hard tasks are learned by fewer than a tenth of the trials
#   of a search. Then the importance plot is flat just when one axis is the whole story. Look at how many trials tie
#   with the best tenth before believing it, or take fANOVA.
# Exits with 1 if this changes.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
"${PYTHON:-python3}" -m venv "$folder/env"
"$folder/env/bin/python" -m pip install --quiet optuna==5.0.0 numpy==2.4.6 scikit-learn==1.7.2
cd "$folder"
cat >importance.py <<'PY'
import numpy as np
import optuna
from optuna.distributions import FloatDistribution
from optuna.importance import FanovaImportanceEvaluator, get_param_importances
from optuna.trial import create_trial

optuna.logging.set_verbosity(optuna.logging.ERROR)
NAMES = ("rate", "idle", "idler")
POINTS = np.random.default_rng(0).random((100, 3))


def shares(num_good, evaluator=None):
    least = np.sort(POINTS[:, 0])[-num_good]
    study = optuna.create_study(direction="maximize")
    study.add_trials(
        create_trial(
            params=dict(zip(NAMES, map(float, point))),
            distributions={name: FloatDistribution(0, 1) for name in NAMES},
            value=float(point[0] >= least),
        )
        for point in POINTS
    )
    found = get_param_importances(study, evaluator=evaluator)
    return " ".join(f"{found[name]:.2f}" for name in NAMES)


for num_good in (9, 10):
    fanova = shares(num_good, FanovaImportanceEvaluator(seed=0))
    print(f"{num_good} of 100: default {shares(num_good)}, fanova {fanova}")
PY
"$folder/env/bin/python" importance.py 2>stderr.txt | tee seen.txt
cat >expected.txt <<'END'
9 of 100: default 0.33 0.33 0.33, fanova 1.00 0.00 0.00
10 of 100: default 0.99 0.00 0.01, fanova 1.00 0.00 0.00
END
diff expected.txt seen.txt || { cat stderr.txt; exit 1; }

#!/bin/sh
# A class Trainable without save_checkpoint, by tune.run and by Tuner.
# Versions: ray 2.60.0, numpy 2.4.6; seen on 2026-11-29 with Python 3.11.
# Most would guess: nothing asked for checkpoints, so none is made, and both ways of running the same class end alike. The
#   API's pages give False as the default of checkpoint_at_end in tune.run, and None in CheckpointConfig.
# Seen: Tuner takes None as True for every class. Each trial trains to its end and reports its last result, is then asked to
#   save, raises NotImplementedError and counts as errored. With max_failures=1 it trains all of it a second time, for the
#   same end:
#     tune.run: TERMINATED, 3 steps, last result 3
#     Tuner: ERROR, 3 steps, last result 3
#     Tuner, max_failures=1: ERROR, 6 steps, last result 3
#     Tuner, checkpoint_at_end=False: TERMINATED, 3 steps, last result 3
# Why it matters: in a search of trainings that need no checkpoint every finished trial is an error, and retries pay for each
#   training again. CheckpointConfig(checkpoint_at_end=False) is the way around it.
# Exits with 1 if this changes.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
"${PYTHON:-python3}" -m venv "$folder/env"
"$folder/env/bin/python" -m pip install --quiet "ray[tune]==2.60.0" numpy==2.4.6
cd "$folder"
cat >trials.py <<'PY'
import os
import sys

import ray
from ray import tune

folder = sys.argv[1]
ray.init(num_cpus=1, include_dashboard=False, log_to_driver=False, _temp_dir=f"{folder}/ray")


class Training(tune.Trainable):
    def setup(self, config):
        self.steps = 0

    def step(self):
        self.steps += 1
        with open(os.environ["STEPS"], "a") as file:
            file.write("step\n")
        return {"score": self.steps, "done": self.steps == 3}


def show(name, run):
    steps = f"{folder}/{name.replace(' ', '_')}.txt"
    trainable = type("Training", (Training,), {})
    trainable.step = lambda self: (os.environ.__setitem__("STEPS", steps), Training.step(self))[1]
    (trial,) = run(trainable)
    with open(steps) as file:
        num_steps = len(file.readlines())
    print(f"{name}: {trial.status}, {num_steps} steps, last result {trial.last_result.get('score')}")


def by_tuner(**settings):
    def run(trainable):
        config = tune.RunConfig(storage_path=f"{folder}/results", verbose=0, **settings)
        return tune.Tuner(trainable, run_config=config).fit()._experiment_analysis.trials

    return run


show("tune.run", lambda trainable: tune.run(trainable, storage_path=f"{folder}/results", verbose=0).trials)
show("Tuner", by_tuner())
show("Tuner, max_failures=1", by_tuner(failure_config=tune.FailureConfig(max_failures=1)))
show(
    "Tuner, checkpoint_at_end=False",
    by_tuner(checkpoint_config=tune.CheckpointConfig(checkpoint_at_end=False)),
)
PY
"$folder/env/bin/python" trials.py "$folder" 2>stderr.txt | grep -E "^(tune|Tuner)" | tee seen.txt
cat >expected.txt <<'END'
tune.run: TERMINATED, 3 steps, last result 3
Tuner: ERROR, 3 steps, last result 3
Tuner, max_failures=1: ERROR, 6 steps, last result 3
Tuner, checkpoint_at_end=False: TERMINATED, 3 steps, last result 3
END
diff expected.txt seen.txt || { tail -50 stderr.txt; exit 1; }

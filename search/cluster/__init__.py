"""Ray clusters: starting or joining one, the resources of trials, and runs as jobs."""

import os

# Ray reads these when it is imported: no telemetry, loggers, output or files of its own. What depends on the
# address is set by `search.cluster.environment.prepare_ray`.
os.environ.update(
    RAY_USAGE_STATS_ENABLED="0",
    RAY_AIR_NEW_OUTPUT="0",
    RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO="0",
    RAY_CHDIR_TO_TRIAL_DIR="0",
    TUNE_DISABLE_AUTO_CALLBACK_LOGGERS="1",
    TUNE_DISABLE_SIGINT_HANDLER="1",
    TUNE_DISABLE_STRICT_METRIC_CHECKING="1",
    TUNE_PRINT_ALL_TRIAL_ERRORS="0",
    TUNE_GLOBAL_CHECKPOINT_S="1000000000",
    TUNE_WARN_THRESHOLD_S="10",
    # The searcher knows how many trials may wait, and asks again as a cluster grows; Tune asks once.
    TUNE_MAX_PENDING_TRIALS_PG="100000",
)

"""The fixes that checks of a configuration name before it is trained (docs/preflight.md)."""

from functools import lru_cache

from failmap.analysis.diagnosis import CONTROLS, FixName
from failmap.search.interventions.fixes import named_fix
from failmap.search.interventions.plan import Changes
from failmap.search.loading.cli_args import parse_yaml
from failmap.search.preflight.run import check_untrained
from failmap.search.trial.config import TrialConfig


@lru_cache(maxsize=256)
def named_fixes(config: TrialConfig, num_threads: int) -> tuple[tuple[FixName, Changes], ...]:
    """Return the fixes that the checks of a trial name, with their changes: those of failed checks first.

    Controls are left out. Empty if the trial cannot be built here.

    Args:
        config: Configuration of the trial.
        num_threads: Threads of torch, as in trials.
    """
    findings = check_untrained(config, num_threads)
    found: dict[FixName, Changes] = {}
    for status in ("fail", "warn"):
        for finding in findings:
            if finding.status != status:
                continue
            for setting in finding.settings:
                path, _, text = setting.partition("=")
                value = parse_yaml(f"value: {text}")["value"]
                fix = named_fix(path, value, config)
                if fix is not None and fix[0] not in CONTROLS:
                    found.setdefault(*fix)
    return tuple(found.items())

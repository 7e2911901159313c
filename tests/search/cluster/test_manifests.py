"""Manifests are valid and contain the request, whatever its characters."""

import importlib.util
import json
import os
import re
import shlex
import socket
import subprocess
import sys
from contextlib import suppress
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from failmap.run_folder.errors import UserError
from failmap.search.cluster.manifests.rendering import label, yaml_text
from failmap.search.commands.clusters import manifest as main
from tests.search.long_runs import ENDLESS

RUN = ("space=smoke", "run=Deep_nets", "storage=/shared/runs")
#: Quotes, braces of YAML and Jinja, substitutions of the shell, and YAML's special characters.
HOSTILE = '/shared/it\'s "a" {{ 7*7 }} {# $(touch /tmp/x) `id` $HOME; rm: -x & | > # é 😀'


def printed(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    assert main(arguments) == 0
    return capsys.readouterr().out


def ray_up_schema() -> Any:
    spec = importlib.util.find_spec("ray")
    assert spec is not None
    assert spec.origin is not None
    return json.loads((Path(spec.origin).parent / "autoscaler" / "ray-schema.json").read_text())


@pytest.mark.parametrize("more", [[], ["claim=shared"], ["secret=s3-keys", "gpus=0", "workers=1"]])
def test_ray_job_is_valid(capsys: pytest.CaptureFixture[str], more: list[str]) -> None:
    text = printed(capsys, "kind=kuberay", "image=registry.example/failmap:1", *RUN, *more)
    job = yaml.safe_load(text)
    schema = json.loads((Path(__file__).parent / "ray_job.json").read_text())
    jsonschema.validate(job, schema)
    spec = job["spec"]
    assert shlex.split(spec["entrypoint"])[4:] == [*RUN, "cluster.address=auto", "resume=true"]
    assert spec["rayClusterSpec"]["authOptions"] == {"mode": "token"}
    (head,) = spec["rayClusterSpec"]["headGroupSpec"]["template"]["spec"]["containers"]
    assert head["env"] == [{"name": "RAY_USAGE_STATS_ENABLED", "value": "0"}]
    worker = spec["rayClusterSpec"]["workerGroupSpecs"][0]["template"]["spec"]
    hook = worker["containers"][0]["lifecycle"]["preStop"]["exec"]["command"]
    assert hook == ["python", "-m", "failmap.search.cluster.drain_node", "seconds=115"]
    assert worker["terminationGracePeriodSeconds"] == 120


@pytest.mark.parametrize(
    ("arguments", "spot"),
    [
        (["kind=aws", "profile=runs"], {"MarketType": "spot"}),
        (["kind=aws", "spot=false"], None),
        (["kind=gcp", "project=my-project"], True),
        (["kind=gcp", "project=my-project", "gpus=0", "spot=false"], False),
    ],
)
def test_ray_up_file_is_valid(capsys: pytest.CaptureFixture[str], arguments: list[str], spot: object) -> None:
    text = printed(capsys, *arguments, "space=smoke", "run=deep", "storage=s3://bucket/runs")
    cluster = yaml.safe_load(text)
    jsonschema.validate(cluster, ray_up_schema())
    node = cluster["available_node_types"]["worker"]["node_config"]
    scheduling = node.get("scheduling", {}).get("preemptible")
    assert (node.get("InstanceMarketOptions") if "kind=aws" in arguments else scheduling) == spot
    starts = [*cluster["head_start_ray_commands"], *cluster["worker_start_ray_commands"]]
    for start in (start for start in starts if "ray start" in start):
        assert {"RAY_AUTH_MODE=token", "--disable-usage-stats"} <= set(start.split())
    assert "--dashboard-host=127.0.0.1" in cluster["head_start_ray_commands"][1]
    assert "python -m search.submit space=smoke run=deep storage=s3://bucket/runs" in text


def test_slurm_script_is_valid(capsys: pytest.CaptureFixture[str]) -> None:
    text = printed(capsys, "kind=slurm", "partition=gpu", "workers=3", "hours=7", *RUN)
    subprocess.run(["bash", "-n"], input=text, text=True, check=True)
    options = set(re.findall(r"^#SBATCH (.*)$", text, re.MULTILINE))
    assert options >= {"--nodes=3", "--time=7:00:00", "--partition=gpu", "--signal=B:TERM@120", "--requeue"}


@pytest.mark.parametrize("kind", ["kuberay", "slurm", "aws", "gcp"])
def test_hostile_text_is_escaped(capsys: pytest.CaptureFixture[str], tmp_path: Path, kind: str) -> None:
    own = {"kuberay": ["image=x", "claim=c"], "gcp": ["project=p"]}.get(kind, [])
    text = printed(capsys, f"kind={kind}", "space=smoke", "run=deep", f"storage={HOSTILE}", *own)
    if kind == "slurm":
        # Run only the line that starts the driver, with a command that prints its arguments.
        (line,) = [line for line in text.splitlines() if line.startswith("python -m failmap run")]
        script = f"head=h; port=1\npython() {{ printf '%s\\0' \"$@\"; }}\n{line.removesuffix(' &')}\n"
        run = subprocess.run(["bash", "-c", script], capture_output=True, check=True, cwd=tmp_path)
        assert run.stdout.decode().split("\0")[5] == f"storage={HOSTILE}"
        return
    loaded = yaml.safe_load(text)
    if kind == "kuberay":
        assert f"storage={HOSTILE}" in shlex.split(loaded["spec"]["entrypoint"])
        worker = loaded["spec"]["rayClusterSpec"]["workerGroupSpecs"][0]["template"]["spec"]
        assert worker["containers"][0]["volumeMounts"][0]["mountPath"] == HOSTILE
    else:
        jsonschema.validate(loaded, ray_up_schema())


@given(st.text())
def test_text_round_trip_in_yaml(text: str) -> None:
    assert yaml.safe_load(f"{{a: [{yaml_text(text)}, b]}}") == {"a": [text, "b"]}


@given(st.from_regex(r"[A-Za-z0-9][A-Za-z0-9._+-]{0,79}", fullmatch=True))
def test_run_has_a_valid_label(run: str) -> None:
    assert re.fullmatch(r"[a-z0-9]([a-z0-9-]*[a-z0-9])?", label(run))
    assert len(label(run)) <= 47, "KubeRay adds to it"


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        (["kind=slrum", *RUN], "did you mean slurm?"),
        (["kind=kuberay", *RUN], "image: "),
        (["kind=kuberay", "image=a b", *RUN], "image=a b: "),
        (["kind=slurm", "partition=a\tb", *RUN], "partition=a"),
        (["kind=slurm", "partition=$(id)", *RUN], "partition=$(id): "),
        (["kind=slurm", "space=smoke", "storage=/x"], "run: "),
        (["kind=slurm", "space=smoke", "run=a"], "storage=runs: "),
        (["kind=slurm", *RUN, "task=array_file", "task.path=my.npz"], "my.npz: "),
        (["kind=slurm", *RUN, "modle.depth=1"], "did you mean model.depth?"),
        (["kind=slurm", *RUN, "cluster.address=auto"], "cluster.address=auto: "),
    ],
)
def test_mistakes_are_reported(arguments: list[str], problem: str) -> None:
    with pytest.raises(UserError) as error:
        main(arguments)
    assert problem in str(error.value)


def job_with_a_free_port() -> str:
    """Return a job number whose port, which the script derives from it, is free."""
    for job in range(os.getpid(), os.getpid() + 20_000):
        with suppress(OSError), socket.socket() as free:
            free.bind(("", 20_000 + job % 20_000))
            return str(job)
    raise AssertionError("no port is free")


@pytest.mark.ray
@pytest.mark.long
@pytest.mark.xdist_group("cluster")
def test_slurm_script_runs_on_two_nodes_and_is_requeued(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    """Run the script with substitutes for Slurm's commands, which start two nodes on this machine."""
    try:
        socket.gethostbyname(os.uname().nodename)
    except OSError:
        pytest.skip("the host name of this machine has no address")
    tools, storage = tmp_path / "tools", tmp_path / "runs"
    tools.mkdir()
    host, job = os.uname().nodename, job_with_a_free_port()
    substitutes = {
        "scontrol": f'[ "$1" = show ] && printf "{host}\\n{host}\\n" || echo "$@" >> {tmp_path}/calls',
        "srun": 'while [[ "$1" == --* ]]; do shift; done; exec "$@"',
    }
    for name, script in substitutes.items():
        (tools / name).write_text(f"#!/bin/bash\n{script}\n")
        (tools / name).chmod(0o755)
    arguments = [*ENDLESS, "run=slurm", f"storage={storage}", f"environment={Path(sys.prefix)}"]
    text = printed(capsys, "kind=slurm", "workers=2", "cpus=1", "gpus=0", *arguments)
    environment = {name: value for name, value in os.environ.items() if not name.startswith("RAY_")}
    environment |= {"PATH": f"{tools}:{os.environ['PATH']}", "SLURM_JOB_NODELIST": "node[0-1]"}
    with subprocess.Popen(
        ["bash", "-c", text],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        env={**environment, "SLURM_JOB_ID": job},
    ) as process:
        assert process.stdout is not None
        output = ""
        for line in process.stdout:
            output += line
            if "2 running" in line:
                process.terminate()
                break
        output += process.stdout.read()
    assert process.returncode == 130, output
    assert "2 of 2 nodes have joined" in output
    assert "python -m search.resume run=slurm" in output
    assert (tmp_path / "calls").read_text() == f"requeue {job}\n"

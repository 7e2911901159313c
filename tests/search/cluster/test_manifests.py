"""What search.manifest prints is valid, and says what was asked for, whatever characters that has."""

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
#: Quotes, braces of YAML and Jinja, substitutions of the shell, and what YAML takes for something else.
HOSTILE = '/shared/it\'s "a" {{ 7*7 }} {# $(touch /tmp/x) `id` $HOME; rm: -x & | > # é 😀'


def printed(capsys: pytest.CaptureFixture[str], *words: str) -> str:
    assert main(words) == 0
    return capsys.readouterr().out


def ray_up_schema() -> Any:
    spec = importlib.util.find_spec("ray")
    assert spec is not None
    assert spec.origin is not None
    return json.loads((Path(spec.origin).parent / "autoscaler" / "ray-schema.json").read_text())


@pytest.mark.parametrize("more", [[], ["claim=shared"], ["secret=s3-keys", "gpus=0", "workers=1"]])
def test_a_ray_job_is_one(capsys: pytest.CaptureFixture[str], more: list[str]) -> None:
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
    ("words", "spot"),
    [
        (["kind=aws", "profile=runs"], {"MarketType": "spot"}),
        (["kind=aws", "spot=false"], None),
        (["kind=gcp", "project=my-project"], True),
        (["kind=gcp", "project=my-project", "gpus=0", "spot=false"], False),
    ],
)
def test_a_file_for_ray_up_is_one(capsys: pytest.CaptureFixture[str], words: list[str], spot: object) -> None:
    text = printed(capsys, *words, "space=smoke", "run=deep", "storage=s3://bucket/runs")
    cluster = yaml.safe_load(text)
    jsonschema.validate(cluster, ray_up_schema())
    node = cluster["available_node_types"]["worker"]["node_config"]
    scheduling = node.get("scheduling", {}).get("preemptible")
    assert (node.get("InstanceMarketOptions") if "kind=aws" in words else scheduling) == spot
    starts = [*cluster["head_start_ray_commands"], *cluster["worker_start_ray_commands"]]
    for start in (start for start in starts if "ray start" in start):
        assert {"RAY_AUTH_MODE=token", "--disable-usage-stats"} <= set(start.split())
    assert "--dashboard-host=127.0.0.1" in cluster["head_start_ray_commands"][1]
    assert "python -m search.submit space=smoke run=deep storage=s3://bucket/runs" in text


def test_a_slurm_script_is_bash_and_asks_for_what_was_said(capsys: pytest.CaptureFixture[str]) -> None:
    text = printed(capsys, "kind=slurm", "partition=gpu", "workers=3", "hours=7", *RUN)
    subprocess.run(["bash", "-n"], input=text, text=True, check=True)
    asked = re.findall(r"^#SBATCH (.*)$", text, re.MULTILINE)
    assert {"--nodes=3", "--time=7:00:00", "--partition=gpu", "--signal=B:TERM@120", "--requeue"} <= set(
        asked
    )


@pytest.mark.parametrize("kind", ["kuberay", "slurm", "aws", "gcp"])
def test_hostile_words_are_words(capsys: pytest.CaptureFixture[str], tmp_path: Path, kind: str) -> None:
    own = {"kuberay": ["image=x", "claim=c"], "gcp": ["project=p"]}.get(kind, [])
    text = printed(capsys, f"kind={kind}", "space=smoke", "run=deep", f"storage={HOSTILE}", *own)
    if kind == "slurm":
        # Only the line that starts the driver: it prints its words one by one.
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
def test_any_text_comes_back_from_yaml(text: str) -> None:
    assert yaml.safe_load(f"{{a: [{yaml_text(text)}, b]}}") == {"a": [text, "b"]}


@given(st.from_regex(r"[A-Za-z0-9][A-Za-z0-9._+-]{0,79}", fullmatch=True))
def test_any_run_has_a_label(run: str) -> None:
    assert re.fullmatch(r"[a-z0-9]([a-z0-9-]*[a-z0-9])?", label(run))
    assert len(label(run)) <= 47, "KubeRay adds to it"


@pytest.mark.parametrize(
    ("words", "problem"),
    [
        (["kind=slrum", *RUN], "kind=slrum: which cluster?; did you mean slurm?"),
        (["kind=kuberay", *RUN], "image: is missing: container image"),
        (["kind=kuberay", "image=a b", *RUN], "image=a b: "),
        (["kind=slurm", "partition=a\tb", *RUN], "has a character that cannot be printed"),
        (["kind=slurm", "partition=$(id)", *RUN], "partition=$(id): "),
        (["kind=slurm", "space=smoke", "storage=/x"], "run: is missing"),
        (["kind=slurm", "space=smoke", "run=a"], "storage=runs: must be visible to every node"),
        (["kind=slurm", *RUN, "task=array_file", "task.path=my.npz"], "my.npz: data are not shipped"),
        (["kind=slurm", *RUN, "modle.depth=1"], "did you mean model.depth?"),
        (["kind=slurm", *RUN, "cluster.address=auto"], "cluster.address=auto: the manifest sets"),
    ],
)
def test_mistakes_are_told(words: list[str], problem: str) -> None:
    with pytest.raises(UserError) as told:
        main(words)
    assert problem in str(told.value)


def job_with_a_free_port() -> str:
    """The script takes its cluster's port from the number of its job."""
    for job in range(os.getpid(), os.getpid() + 20_000):
        with suppress(OSError), socket.socket() as free:
            free.bind(("", 20_000 + job % 20_000))
            return str(job)
    raise AssertionError("no port is free")


@pytest.mark.ray
@pytest.mark.long
@pytest.mark.xdist_group("cluster")
def test_a_slurm_script_runs_a_search_on_two_nodes_and_is_queued_again(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    """Stand-ins for Slurm's commands start processes here: two nodes of this machine."""
    try:
        socket.gethostbyname(os.uname().nodename)
    except OSError:
        pytest.skip("the name of this machine has no address: a node could not find the head")
    tools, storage = tmp_path / "tools", tmp_path / "runs"
    tools.mkdir()
    host, job = os.uname().nodename, job_with_a_free_port()
    stand_ins = {
        "scontrol": f'[ "$1" = show ] && printf "{host}\\n{host}\\n" || echo "$@" >> {tmp_path}/said',
        "srun": 'while [[ "$1" == --* ]]; do shift; done; exec "$@"',
    }
    for name, script in stand_ins.items():
        (tools / name).write_text(f"#!/bin/bash\n{script}\n")
        (tools / name).chmod(0o755)
    words = [*ENDLESS, "run=slurm", f"storage={storage}"]
    text = printed(
        capsys, "kind=slurm", "workers=2", "cpus=1", "gpus=0", *words, f"environment={Path(sys.prefix)}"
    )
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
    assert (tmp_path / "said").read_text() == f"requeue {job}\n"

"""The files that start a training on the machines of a cluster, run with stand-ins for the cluster's programs."""

import json
import os
import re
import subprocess
import sys

import numpy as np
import pytest

from keras_genzoo import cli, training
from keras_genzoo.recipes import Recipe
from tests import support
from tests.support import ROOT

pytestmark = pytest.mark.any_backend

SLURM = ROOT / "tools/launch/slurm.sh"
KUBERNETES = ROOT / "tools/launch/kubernetes.yaml"

SCONTROL = """
[[ "$*" == "show hostnames node-[1-3]" ]] && printf '%s\\n' $HOSTS
"""
# As Slurm's: a process per task, and the highest of their statuses.
SRUN = """
while [[ $1 == -* ]]; do
    case $1 in --ntasks=*) num=${1#*=} ;; --ntasks-per-node=1) ;; *) exit 99 ;; esac
    shift
done
for ((rank = 0; rank < num; rank++)); do SLURM_PROCID=$rank "$@" & pids+=($!); done
highest=0
for pid in "${pids[@]}"; do
    status=0
    wait "$pid" || status=$?
    ((status > highest)) && highest=$status
done
exit $highest
"""
# Writes down how it was called: the variable TF_CONFIG, and the arguments, a line each.
GENZOO = """
call=$(mktemp "$CALLS/XXXXXX")
printf '%s\\n' "$TF_CONFIG" "$@" > "$call"
"""


@pytest.fixture
def run(tmp_path):
    """Function that runs a command with programs of its own on the PATH; returns the finished process."""
    (tmp_path / "calls").mkdir()
    (tmp_path / "bin").mkdir()

    def run(command, programs, **variables):
        for name, code in programs.items():
            program = tmp_path / "bin" / name
            program.write_text(f"#!/usr/bin/env bash\n{code}")
            program.chmod(0o755)
        environment = {
            **os.environ,
            "PATH": f"{tmp_path / 'bin'}{os.pathsep}{os.environ['PATH']}",
            "CALLS": str(tmp_path / "calls"),
            **variables,
        }
        return subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True)

    return run


@pytest.fixture
def calls(tmp_path):
    """Function that returns the pairs of TF_CONFIG and arguments that `genzoo` was called with, by worker."""

    def calls():
        lines = [file.read_text().splitlines() for file in (tmp_path / "calls").iterdir()]
        found = [(json.loads(config), arguments) for config, *arguments in lines]
        return sorted(found, key=lambda call: call[0]["task"]["index"])

    return calls


def run_slurm(run, *arguments, genzoo=GENZOO, **variables):
    programs = {"scontrol": SCONTROL, "srun": SRUN, "genzoo": genzoo}
    given = {"SLURM_JOB_ID": "71234", "SLURM_JOB_NODELIST": "node-[1-3]", "HOSTS": "node-1 node-2 node-3"}
    return run(["bash", SLURM, *arguments], programs, **{**given, **variables})


def assert_continues_or_starts(config, arguments, monkeypatch):
    """The call is one that the command line takes, of a worker that continues where there is a run; returns it."""
    monkeypatch.setenv("TF_CONFIG", json.dumps(config))
    assert training._worker() == config["task"]["index"]
    options = cli._parser().parse_args(arguments)
    assert options.command == "train" and options.strategy == "multi_worker" and options.resume
    return options


@pytest.mark.parametrize("file", [SLURM], ids=lambda file: file.name)
def test_scripts_are_valid(file):
    subprocess.run(["bash", "-n", file], check=True)
    assert os.access(file, os.X_OK)


def test_slurm_starts_a_worker_per_machine(run, calls, monkeypatch):
    finished = run_slurm(run, "recipes/my recipe.toml", "/runs/my run", "--epochs", "3")
    assert finished.returncode == 0, finished.stderr
    started = calls()
    addresses = ["node-1:21234", "node-2:21235", "node-3:21236"]
    assert [config for config, _ in started] == [
        {"cluster": {"worker": addresses}, "task": {"type": "worker", "index": index}} for index in range(3)
    ]
    for config, arguments in started:
        options = assert_continues_or_starts(config, arguments, monkeypatch)
        assert (options.recipe, options.output, options.epochs) == (
            "recipes/my recipe.toml",
            "/runs/my run",
            3,
        )


def test_slurm_takes_a_port(run, calls):
    finished = run_slurm(run, "ring_gan", "run", PORT="5000", HOSTS="node-1 node-2")
    assert finished.returncode == 0, finished.stderr
    assert [config["cluster"]["worker"] for config, _ in calls()] == [["node-1:5000", "node-2:5001"]] * 2


def test_slurm_starts_lost_workers_again(run, calls):
    falls_once = f'{GENZOO}\nmkdir "$CALLS/../fallen-$SLURM_PROCID" 2>/dev/null && exit 1 || exit 0'
    finished = run_slurm(run, "ring_gan", "run", genzoo=falls_once)
    assert finished.returncode == 0 and finished.stderr.count("ended with status 1") == 1
    assert len(calls()) == 2 * 3


@pytest.mark.parametrize(("status", "attempts"), [(1, 3), (130, 1)], ids=["lost", "stopped"])
def test_slurm_gives_up(run, calls, status, attempts):
    finished = run_slurm(run, "ring_gan", "run", genzoo=f"{GENZOO}\nexit {status}")
    assert finished.returncode == status
    assert len(calls()) == attempts * 3


def test_slurm_ends_without_a_list_of_machines(run, calls):
    assert run_slurm(run, "ring_gan", "run", SLURM_JOB_NODELIST="other-[1-3]").returncode != 0
    assert calls() == []


@pytest.fixture
def documents():
    yaml = pytest.importorskip("yaml", reason="PyYAML is not installed")
    return {document["kind"]: document for document in yaml.safe_load_all(KUBERNETES.read_text())}


def test_kubernetes_names_fit_one_another(documents):
    service, claim, job = (documents[kind] for kind in ("Service", "PersistentVolumeClaim", "Job"))
    pod = job["spec"]["template"]
    (container,) = pod["spec"]["containers"]
    # What gives the pods the names that the workers ask for.
    assert service["spec"]["clusterIP"] == "None"
    assert service["spec"]["selector"].items() <= pod["metadata"]["labels"].items()
    assert pod["spec"]["subdomain"] == service["metadata"]["name"]
    assert job["spec"]["completionMode"] == "Indexed"
    variables = {each["name"]: each["value"] for each in container["env"]}
    assert job["spec"]["completions"] == job["spec"]["parallelism"] == int(variables["WORKERS"])
    (port,) = service["spec"]["ports"]
    assert container["ports"] == [{"containerPort": port["port"]}]
    # What the run folder is on: shared, so that any machine finds the backups.
    (volume,), (mount,) = pod["spec"]["volumes"], container["volumeMounts"]
    assert volume["name"] == mount["name"]
    assert volume["persistentVolumeClaim"]["claimName"] == claim["metadata"]["name"]
    assert claim["spec"]["accessModes"] == ["ReadWriteMany"]
    assert variables["RUN_FOLDER"].startswith(mount["mountPath"] + "/")
    # The recipe, in an image that holds a checkout.
    assert Recipe.load(ROOT / variables["RECIPE"].removeprefix("/keras_genzoo/"))
    # A worker that is started again is one of the same number.
    assert pod["spec"]["restartPolicy"] == "Never" and job["spec"]["backoffLimit"] >= 2 * 2


def test_kubernetes_starts_a_worker_per_pod(documents, run, calls, monkeypatch):
    job = documents["Job"]
    (container,) = job["spec"]["template"]["spec"]["containers"]
    variables = {each["name"]: each["value"] for each in container["env"]}
    # Each name is known at the second time that it is asked for.
    getent = '[[ $1 == hosts ]] && ! mkdir "$CALLS/../$JOB_COMPLETION_INDEX-$2" 2>/dev/null'
    programs = {"genzoo": GENZOO, "getent": getent, "sleep": ""}
    for index in range(job["spec"]["completions"]):
        finished = run(container["command"], programs, JOB_COMPLETION_INDEX=str(index), **variables)
        assert finished.returncode == 0, finished.stderr
    port = container["ports"][0]["containerPort"]
    name, domain = job["metadata"]["name"], job["spec"]["template"]["spec"]["subdomain"]
    started = calls()
    assert [config for config, _ in started] == [
        {
            "cluster": {"worker": [f"{name}-{index}.{domain}:{port}" for index in range(2)]},
            "task": {"type": "worker", "index": index},
        }
        for index in range(2)
    ]
    for config, arguments in started:
        options = assert_continues_or_starts(config, arguments, monkeypatch)
        assert (options.recipe, options.output) == (variables["RECIPE"], variables["RUN_FOLDER"])


RECIPE = """
name = "toy_ring"
description = "A GAN of the test."
license = "none"
epochs = 1
seed = 0

[model]
class = "GAN"
image_shape = [2]
latent_dim = 2
seed = 0

[data]
name = "ring"
batch_size = 10_000
"""


@pytest.mark.slow
@pytest.mark.tensorflow
@pytest.mark.timeout(1200)
def test_slurm_trains_two_workers_on_this_machine(run, tmp_path):
    (tmp_path / "toy ring.toml").write_text(RECIPE)
    genzoo = f'exec "{sys.executable}" -m keras_genzoo "$@"'
    here = {
        "HOSTS": "127.0.0.1 127.0.0.1",
        "PORT": str(min(support.replicas._free_ports(2))),
        "no_proxy": "127.0.0.1",
        "CUDA_VISIBLE_DEVICES": "-1",
        "PYTHONPATH": str(ROOT),
    }
    finished = run_slurm(run, "toy ring.toml", "runs/ring", genzoo=genzoo, **here)
    assert finished.returncode == 0, finished.stderr + finished.stdout
    first, second = (
        support.arrays_in(tmp_path / "runs/ring" / folder / "preset/model.weights.h5")
        for folder in ("", "worker-1")
    )
    assert first.keys() == second.keys()
    for name, value in first.items():
        np.testing.assert_array_equal(second[name], value, err_msg=name)


def test_what_the_page_says_of_the_files_is_so():
    page = (ROOT / "docs/several_devices.md").read_text("utf-8")
    for file in (SLURM, KUBERNETES):
        assert f"../{file.relative_to(ROOT)}" in page
    (attempts,) = re.findall(r"for attempt in ([\d ]+);", SLURM.read_text())
    assert f"{len(attempts.split())} attempts" in page

"""What is told to XLA before it looks for devices."""

import os
import subprocess
import sys

import jax
import pytest

from dmljax import config as configuration
from dmljax.costs import timed
from dmljax.runs import loop
from dmljax.training import devices
from dmljax.types import UserError

OPTION = "--xla_cpu_enable_concurrency_optimized_scheduler"


@pytest.fixture
def flags(monkeypatch):
    def after(given, *, cores=2, version="0.10.2", training=True):
        monkeypatch.setenv("XLA_FLAGS", given)
        monkeypatch.setattr(devices.jaxlib, "__version__", version)
        monkeypatch.setattr(devices, "cores", lambda: cores)
        devices.set_up_process(training=training)
        return os.environ["XLA_FLAGS"]

    return after


def test_few_cores_take_one_operation_after_another(flags):
    assert flags("") == f"{OPTION}=false"
    assert (
        flags("--xla_force_host_platform_device_count=8")
        == f"--xla_force_host_platform_device_count=8 {OPTION}=false"
    )


def test_inference_is_left_alone(flags):
    assert flags("", training=False) == ""


def test_what_the_user_says_stands(flags):
    assert flags(f"{OPTION}=true") == f"{OPTION}=true"


def test_many_cores_and_versions_without_the_option_are_left_alone(flags):
    assert flags("", cores=16) == "" and flags("", version="0.11.0") == ""


def test_programs_are_kept_in_the_users_cache(tmp_path):
    """Where nobody has said anything; who has no home does without."""
    code = (
        "from dmljax.training.devices import set_up_process as s; s(); import jax;"
        " print(jax.config.jax_compilation_cache_dir)"
    )
    for given, folder in ((str(tmp_path), str(tmp_path / "dmljax" / "xla")), ("nowhere", "None")):
        left = {k: v for k, v in os.environ.items() if k != "JAX_COMPILATION_CACHE_DIR"}
        environment = left | {"XDG_CACHE_HOME": given}
        done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True)
        assert done.stdout.strip() == folder, done.stderr


def test_xla_here_knows_the_option():
    """An unknown flag would end the process."""
    code = (
        "from dmljax.training.devices import set_up_process as s; s(training=True); import jax;"
        " print(float(jax.numpy.ones(3).sum()))"
    )
    environment = {name: value for name, value in os.environ.items() if name != "XLA_FLAGS"}
    done = subprocess.run(
        [sys.executable, "-c", code], env=environment, capture_output=True, text=True, timeout=120
    )
    assert done.returncode == 0 and done.stdout.strip() == "3.0", done.stderr


@pytest.fixture
def looked(monkeypatch):
    """What XLA_FLAGS held each time that JAX was asked for devices or processes, which fails here."""
    seen = []

    def look():
        seen.append(os.environ["XLA_FLAGS"])
        raise RuntimeError

    monkeypatch.setenv("XLA_FLAGS", "")
    monkeypatch.setattr(devices, "cores", lambda: 2)
    monkeypatch.setattr(jax, "devices", look)
    monkeypatch.setattr(jax, "process_index", look)
    return seen


def test_the_benchmark_tells_xla_before_it_asks_for_a_device(looked, monkeypatch):
    """XLA reads its flags when it first looks for devices; later they are lost without a word."""
    monkeypatch.setattr(timed.jax.config, "update", lambda *_: None)
    step = {"image": 32, "batch": 15, "width": 8, "stages": ("1",), "dtype": "f32"}
    with pytest.raises(UserError, match="finds no such device"):
        timed.measure(mode="train", device="gpu", steps=1, warmup=0, **step)
    assert looked == [f"{OPTION}=false"]


def test_a_training_tells_xla_before_it_asks_which_process_it_is(looked, tmp_path):
    with pytest.raises(RuntimeError):
        loop.train(configuration.get_config("quick"), tmp_path)
    assert looked == [f"{OPTION}=false"]

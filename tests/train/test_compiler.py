"""What is told to XLA before it looks for devices."""
import os
import subprocess
import sys

import pytest

from dmljax.train import devices

OPTION = "--xla_cpu_enable_concurrency_optimized_scheduler"


@pytest.fixture
def flags(monkeypatch):
    def after(given, *, cores=2, version="0.10.2"):
        monkeypatch.setenv("XLA_FLAGS", given)
        monkeypatch.setattr(devices.jaxlib, "__version__", version)
        monkeypatch.setattr(devices, "cores", lambda: cores)
        devices.set_up_compiler()
        return os.environ["XLA_FLAGS"]

    return after


def test_few_cores_take_one_operation_after_another(flags):
    assert flags("") == f"{OPTION}=false"
    assert flags("--xla_force_host_platform_device_count=8") == f"--xla_force_host_platform_device_count=8 {OPTION}=false"


def test_what_the_user_says_stands(flags):
    assert flags(f"{OPTION}=true") == f"{OPTION}=true"


def test_many_cores_and_versions_without_the_option_are_left_alone(flags):
    assert flags("", cores=16) == "" and flags("", version="0.11.0") == ""


def test_xla_here_knows_the_option():
    """An unknown flag would end the process."""
    code = "from dmljax.train.devices import set_up_compiler as s; s(); import jax; print(float(jax.numpy.ones(3).sum()))"
    environment = {name: value for name, value in os.environ.items() if name != "XLA_FLAGS"}
    done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0 and done.stdout.strip() == "3.0", done.stderr

"""Eight fake devices, strict promotion, and fixtures that several tests share."""

import atexit
import os
import shutil
import tempfile
from pathlib import Path

# the tests and the processes they start share one album, which goes with them
if "DMLJAX_CACHE" not in os.environ:
    os.environ["DMLJAX_CACHE"] = tempfile.mkdtemp(prefix="dmljax-test-pictures-")
    atexit.register(shutil.rmtree, os.environ["DMLJAX_CACHE"], ignore_errors=True)
# Most of the time goes into compiling: quickly rather than well (.ci/run compiles runs that go on as users
# do), and once for this process, its children and the next run.
os.environ.setdefault("JAX_DISABLE_MOST_OPTIMIZATIONS", "1")
os.environ.setdefault(
    "JAX_COMPILATION_CACHE_DIR", str(Path(__file__).parent.parent / ".pytest_cache" / "xla")
)
os.environ.setdefault("JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS", "0.2")
os.environ["XLA_FLAGS"] = os.environ.get("XLA_FLAGS", "") + " --xla_force_host_platform_device_count=8"


import jax  # noqa: E402  (the flags come first)
import numpy as np  # noqa: E402
import pytest  # noqa: E402

from dmljax import plugins  # noqa: E402
from dmljax.training.devices import set_up_process  # noqa: E402

MANY = 16_000  # memory maps, of the 65,530 that Linux allows; a slow test takes up to 8,000

jax.config.update("jax_numpy_dtype_promotion", "strict")
jax.config.update("jax_numpy_rank_promotion", "raise")
set_up_process()


@pytest.fixture(autouse=True, scope="module")
def programs_of_one_file():
    """Programs go with the tests that compiled them: Linux gives a process 65,530 memory maps, a large
    program takes hundreds, and who asks for one more is ended by a segmentation fault.
    """
    yield
    jax.clear_caches()


@pytest.fixture(autouse=True)
def programs_of_a_slow_test(request):
    """Those of a test that compiles much go with it, where the process holds many by now."""
    yield
    if request.node.get_closest_marker("slow") and memory_maps() > MANY:
        jax.clear_caches()


def memory_maps() -> int:
    """How many this process has; as if they were too many where Linux is not there to tell."""
    try:
        return Path("/proc/self/maps").read_bytes().count(b"\n")
    except OSError:
        return MANY + 1


@pytest.fixture(autouse=True)
def own_plugin_folders(monkeypatch):
    """Commands run in this process; the plug-in folders that one test names are not those of the next."""
    monkeypatch.setattr(plugins, "_given", list(plugins._given))
    monkeypatch.setattr(plugins, "_remembered", list(plugins._remembered))


@pytest.fixture
def rng():
    return np.random.default_rng(1)


@pytest.fixture(scope="module")
def standard_promotion():
    """Optax's Adam and Flax's bfloat16 BatchNorm mix dtypes inside; our own code is tested under strict
    promotion.
    """
    with jax.numpy_dtype_promotion("standard"):
        yield

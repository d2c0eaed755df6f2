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
# Most of the time goes into compiling: quickly rather than well (.ci/run compiles those of runs as users
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
from dmljax.training.devices import set_up_compiler  # noqa: E402

jax.config.update("jax_numpy_dtype_promotion", "strict")
jax.config.update("jax_numpy_rank_promotion", "raise")
set_up_compiler()


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

"""Eight fake devices, strict promotion, and fixtures that several tests share."""

import atexit
import os
import shutil
import tempfile

# the tests and the processes they start share one album, which goes with them
if "DMLJAX_CACHE" not in os.environ:
    os.environ["DMLJAX_CACHE"] = tempfile.mkdtemp(prefix="dmljax-test-pictures-")
    atexit.register(shutil.rmtree, os.environ["DMLJAX_CACHE"], ignore_errors=True)
os.environ["XLA_FLAGS"] = os.environ.get("XLA_FLAGS", "") + " --xla_force_host_platform_device_count=8"


import jax  # noqa: E402  (the flags come first)
import numpy as np  # noqa: E402
import pytest  # noqa: E402

from dmljax.training.devices import set_up_compiler  # noqa: E402

jax.config.update("jax_numpy_dtype_promotion", "strict")
jax.config.update("jax_numpy_rank_promotion", "raise")
set_up_compiler()


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

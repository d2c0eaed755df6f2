"""Strategies against directions and weights that TorchJD 0.17.0 gave in float64
(tests/golden/torchjd.json).
"""

import json
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from dmljax import plugins
from dmljax.weightings import Signals

GOLDEN = json.loads((Path(__file__).parent.parent / "golden" / "torchjd.json").read_text())
NAMES = ("a", "b", "c", "d", "e")


@pytest.fixture(autouse=True)
def double():
    with jax.enable_x64(True), jax.numpy_dtype_promotion("standard"):
        yield


def signals(losses=None, jacobian=None):
    count = len(jacobian) if losses is None else len(losses)
    gram = None if jacobian is None else jnp.asarray(jacobian @ jacobian.T)
    on = jnp.ones(count, bool)
    return Signals(
        jnp.asarray(np.ones(count) if losses is None else losses, jnp.float64), on, on, jnp.int32(0), gram
    )


def weights_of(name, jacobian, **options):
    strategy = plugins.load("weightings", name).build(**options)
    seen = signals(jacobian=jacobian)
    return np.asarray(strategy.update(seen, strategy.init(NAMES[: len(jacobian)]))[0])


@pytest.mark.parametrize("case", range(len(GOLDEN["cases"])))
@pytest.mark.parametrize(
    ("key", "name", "options", "tolerance"),
    [
        ("UPGrad", "upgrad", {}, 1e-9),
        ("DualProj", "dualproj", {}, 1e-9),
        ("IMTLG", "imtl_g", {}, 1e-9),
        ("AlignedMTL_min", "aligned_mtl", {}, 1e-9),
        ("AlignedMTL_rmse", "aligned_mtl", {"scale": "rmse"}, 1e-9),
        ("ConFIG", "config_mtl", {}, 1e-9),
        ("FairGrad_a1_equals_Nash", "nash_mtl", {"unit": False}, 1e-5),
        ("FairGrad_a1_equals_Nash", "fairgrad", {"alpha": 1.0, "unit": False}, 1e-5),
        ("FairGrad_a2", "fairgrad", {"alpha": 2.0, "unit": False}, 1e-5),
    ],
)
def test_directions(case, key, name, options, tolerance):
    jacobian = np.array(GOLDEN["cases"][case]["J"], np.float64)
    expected = np.array(GOLDEN["cases"][case]["directions"][key])
    found = weights_of(name, jacobian, **options) @ jacobian
    assert np.linalg.norm(found - expected) <= tolerance * np.linalg.norm(expected), (found, expected)


@pytest.mark.parametrize("case", range(len(GOLDEN["cases"])))
def test_mgda_is_at_least_as_short(case):
    """The golden solver stops early; an exact one may only be better."""
    jacobian = np.array(GOLDEN["cases"][case]["J"], np.float64)
    golden = np.linalg.norm(GOLDEN["cases"][case]["directions"]["MGDA_100k"])
    weights = weights_of("mgda", jacobian)
    assert weights.min() >= 0 and weights.sum() == pytest.approx(1)
    assert np.linalg.norm(weights @ jacobian) <= golden * (1 + 1e-6) + 1e-9


@pytest.mark.parametrize("case", range(len(GOLDEN["cases"])))
def test_cagrad_is_at_least_as_good(case):
    """CAGrad's direction maximises the worst inner product within its ball; the golden solver is inexact."""
    jacobian = np.array(GOLDEN["cases"][case]["J"], np.float64)
    mean = jacobian.mean(0)
    golden = np.array(GOLDEN["cases"][case]["directions"]["CAGrad_c04"])
    found = weights_of("cagrad", jacobian, c=0.4) @ jacobian
    assert np.linalg.norm(found - mean) == pytest.approx(0.4 * np.linalg.norm(mean), rel=1e-4)
    assert (jacobian @ found).min() >= (jacobian @ golden).min() - 1e-3 * np.abs(jacobian @ golden).max()


def test_dwa():
    golden = GOLDEN["DWA_window2_K_equals_n"]
    losses = np.array(golden["losses"])
    strategy = plugins.load("weightings", "dwa").build(total=float(losses.shape[1]), window=2, literal=True)
    state, found = strategy.init(NAMES[: losses.shape[1]]), []
    for row in losses:
        weights, state, _ = strategy.update(signals(row), state)
        found.append(weights)
    np.testing.assert_allclose(found, golden["lambda_before_batch"], rtol=1e-6)


def test_famo():
    golden = GOLDEN["FAMO_default_lr.025_wd1e-3"]
    strategy = plugins.load("weightings", "famo").build()
    state = strategy.init(NAMES[: len(golden["pre"][0])])
    for before, after, weights, shares in zip(
        golden["pre"], golden["post"], golden["effective_weights"], golden["softmax_w_after"]
    ):
        found, state, _ = strategy.update(signals(before), state)
        np.testing.assert_allclose(found, weights, rtol=1e-6)
        state = strategy.post(signals(before), jnp.asarray(after), state)
        np.testing.assert_allclose(jax.nn.softmax(state.x), shares, rtol=1e-6)


@pytest.mark.parametrize(
    ("key", "name", "options", "tolerance"),
    [
        ("UW_s0", "uncertainty", {}, 1e-9),
        ("IMTLL_s0", "imtl_l", {}, 1e-9),
        ("GLS", "gls", {"epsilon": 1e-12}, 1e-9),
        ("STCH_mu0_5", "stch", {"form": "raw", "mu": 0.5}, 1e-9),
    ],
)
def test_functions_of_the_losses(key, name, options, tolerance):
    golden = GOLDEN["loss_only_at_L0"]
    strategy = plugins.load("weightings", name).build(**options)
    found, _, _ = strategy.update(signals(golden["L"]), strategy.init(NAMES[: len(golden["L"])]))
    np.testing.assert_allclose(found, golden[key]["weights"], rtol=tolerance)

"""What the machine is and can do: names, versions, measured peaks of products, convolution and copy."""

from __future__ import annotations

import importlib.metadata
import os
import platform
import subprocess
import time

PACKAGES = ("jax", "jaxlib", "jax-cuda13-plugin", "flax", "optax", "numpy", "torch", "nvidia-cudnn-cu13")


class Ceilings:
    """The device that JAX sees first."""

    def measure(self, *, side: int, copied_gib: float, repeats: int) -> dict:
        """TFLOP/s of [side, side] products and of a 3x3 convolution, GB/s of a copy, both ways counted."""
        import jax
        import jax.numpy as jnp

        from dmljax.workers import cores

        device = jax.local_devices()[0]
        found = {
            "device": device.device_kind,
            "driver": _driver(),
            "python": platform.python_version(),
            "versions": _versions(),
            "cores": cores(),
            "xla_flags": os.environ.get("XLA_FLAGS", ""),
            "matmul_precision": str(jax.config.jax_default_matmul_precision or "default"),
        }
        one, other = (jax.random.normal(jax.random.key(k), (side, side)) for k in (0, 1))
        product = lambda precision: jax.jit(lambda a, b: jnp.matmul(a, b, precision=precision))
        operations = 2 * side**3
        for name, precision, dtype in (
            ("bf16", None, jnp.bfloat16),
            ("f32_default", None, jnp.float32),
            ("f32_highest", "highest", jnp.float32),
        ):
            seconds = _seconds(product(precision), one.astype(dtype), other.astype(dtype), repeats=repeats)
            found[f"tflops_{name}"] = round(operations / seconds / 1e12, 1)
        image = max(4, side // 256)
        for name, dtype in (("bf16", jnp.bfloat16), ("f32_default", jnp.float32)):
            x = jax.random.normal(jax.random.key(2), (side // 64, image, image, 256), dtype)
            kernel = jax.random.normal(jax.random.key(3), (3, 3, 256, 256), dtype)
            convolve = jax.jit(
                lambda x, k: jax.lax.conv_general_dilated(
                    x, k, (1, 1), "SAME", dimension_numbers=("NHWC", "HWIO", "NHWC")
                )
            )
            seconds = _seconds(convolve, x, kernel, repeats=repeats)
            found[f"tflops_conv3x3_{name}"] = round(2 * x.size * 9 * 256 / seconds / 1e12, 1)
        x = jax.random.normal(jax.random.key(4), (int(copied_gib * 2**28),))
        seconds = _seconds(jax.jit(lambda x: x + 1), x, repeats=repeats)
        return found | {"copy_gb_s": round(2 * x.nbytes / seconds / 1e9, 1)}


def _seconds(call, *arguments, repeats: int) -> float:
    """Median over three rounds of the mean time of `repeats` calls that are not waited for one by one."""
    import jax

    jax.block_until_ready(call(*arguments))
    rounds = []
    for _ in range(3):
        began = time.perf_counter()
        for _ in range(repeats):
            last = call(*arguments)
        jax.block_until_ready(last)
        rounds.append((time.perf_counter() - began) / repeats)
    return sorted(rounds)[1]


def _driver() -> str:
    """The NVIDIA driver's version; empty where there is none."""
    try:
        asked = ["nvidia-smi", "--query-gpu=driver_version", "--format=csv,noheader"]
        return subprocess.run(asked, capture_output=True, text=True, timeout=20, check=True).stdout.strip()
    except (OSError, subprocess.SubprocessError):
        return ""


def _versions() -> dict[str, str]:
    found = {}
    for name in PACKAGES:
        try:
            found[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            continue
    return found

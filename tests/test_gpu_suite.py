"""The suite for accelerators in small, on a CPU: what it writes, how it goes on, what it makes of it."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

BENCHMARKS = Path(__file__).parent.parent / "benchmarks"
# Stands for PyTorch and its program: the suite asks the first for settings, and runs the second unchanged.
TORCH = """
class cuda:
    is_available = staticmethod(lambda: False)
class backends:
    class cudnn:
        benchmark = True
__version__ = "0"
get_float32_matmul_precision = lambda: "high"
"""
PEER = """
import argparse, json
def main():
    flags = argparse.ArgumentParser()
    for name in "mode dtype batch image width stages steps warmup".split():
        flags.add_argument("--" + name, required=True)
    flags.add_argument("--compile", action="store_true")
    asked = vars(flags.parse_args())
    print("a word before")
    print(json.dumps(asked | {"peer": "none", "median_step_s": 0.01,
                              "pipelined_step_s": 9.0 if asked["steps"] == "1" else 0.02,
                              "images_per_s": int(asked["batch"]) / 0.02}))
"""


def suite(folder: Path, *flags: str) -> str:
    if any(flag.startswith("--peer") for flag in flags):  # other packages take what is called torch for it
        (folder / "torch.py").write_text(TORCH)
        (folder / "peer.py").write_text(PEER)
    command = [sys.executable, BENCHMARKS / "gpu.py", f"--out={folder}/gpu.jsonl", *flags]
    environment = os.environ | {
        "PYTHONPATH": str(folder),
        "JAX_PLATFORMS": "cpu",
        "XLA_FLAGS": "--xla_force_host_platform_device_count=1",
    }
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=1500)
    assert done.returncode == 0, done.stderr
    return done.stdout


def lines_of(folder: Path) -> list[dict]:
    return [json.loads(line) for line in (folder / "gpu.jsonl").read_text().splitlines()]


@pytest.fixture(scope="module")
def measured(tmp_path_factory):
    folder = tmp_path_factory.mktemp("gpu")
    peer = f"--peer={folder}/peer.py"
    return folder, peer, suite(folder, "--tiny", "--items=facts,infer-*,operations-*", peer)


def test_programs_are_timed_in_turns(measured):
    folder, _, said = measured
    lines = lines_of(folder)
    assert not [line for line in lines if "error" in line]
    assert [line["item"] for line in lines if line.get("done")] == [
        "facts",
        "infer-bf16-10-24px",
        "operations-infer",
    ]
    [flops] = [line["flops"] for line in lines if "flops" in line]
    assert flops > 1e6
    turns = [(line["side"], line["turn"]) for line in lines if "turn" in line]
    assert turns == [("dmljax", 0), ("torch eager", 0), ("dmljax", 1), ("torch eager", 1)]
    # a turn of 0.01 s has at least 3 steps
    assert all(line["steps"] >= 3 and line["images_per_s"] > 0 for line in lines if "turn" in line)
    ready = {line["side"]: line for line in lines if "ready_s" in line}
    assert ready["torch eager"]["stages"] == "1" and ready["dmljax"]["stages"] == "1"
    assert ready["dmljax"]["program_bytes"] > 1e6
    assert "| infer-bf16-10-24px | cpu | torch eager | 20.00 (20.00 to 20.00) | 500 |" in said


def test_what_is_there_is_not_measured_again_and_what_was_cut_is(measured, tmp_path):
    folder, _, _ = measured
    before = lines_of(folder)
    cut = [line for line in before if not (line.get("done") and line["item"] == "facts")]
    (tmp_path / "gpu.jsonl").write_text("".join(json.dumps(line) + "\n" for line in cut))
    suite(tmp_path, "--tiny", "--items=facts,infer-*,operations-*", f"--peer={tmp_path}/peer.py")
    new = lines_of(tmp_path)[len(cut) :]
    assert [line["item"] for line in new] == ["facts", "facts"] and new[1]["done"]


def test_without_time_there_are_only_tables(measured, tmp_path):
    folder, peer, _ = measured
    page = tmp_path / "page.md"
    page.write_text("above\n<!-- gpu.jsonl -->\nold\n<!-- end of gpu.jsonl -->\nbelow\n")
    said = suite(folder, "--minutes=0", peer, f"--page={page}")
    assert "train-bf16-120: left out, 0 s are left" in said
    text = page.read_text()
    assert text.startswith("above\n") and text.endswith("below\n") and "old" not in text
    assert "| infer-bf16-10-24px | cpu | dmljax |" in text


def test_an_unknown_item_is_told(tmp_path):
    command = [sys.executable, BENCHMARKS / "gpu.py", "--items=nothing", f"--out={tmp_path}/gpu.jsonl"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120)
    assert done.returncode == 2 and "there is no 'nothing'; there are facts" in done.stderr


@pytest.mark.slow
def test_a_profile_and_a_training_in_small(tmp_path):
    said = suite(tmp_path, "--tiny", "--items=profile,seeds-*,training", f"--traces={tmp_path}/traces")
    lines = lines_of(tmp_path)
    assert not [line for line in lines if "error" in line]
    assert len([line for line in lines if line.get("done")]) == 3
    [seeds] = [line for line in lines if "together_s" in line]
    assert seeds["largest_difference"] < 1e-4 and seeds["ratio"] > 0
    assert "| seeds-2-24px | cpu |" in said
    [profile] = [line["rows"] for line in lines if "rows" in line]
    shares = {row["name"]: row["share"] for row in profile if row["by"] == "pass"}
    assert {"forward", "backward"} <= shares.keys() and abs(sum(shares.values()) - 1) < 0.01
    assert (tmp_path / "traces/step.hlo.txt.gz").stat().st_size > 1000
    [run] = [line for line in lines if "steady_step_s" in line]
    assert run["test_people"] == 1 and run["images_per_s"] > 0 and run["feed_s_a_step"] > 0
    assert "| synthetic, 175 images, memory=host | 4 |" in said

"""The suite for accelerators in small, on a CPU: what it writes, how it goes on, what it makes of it."""

import contextlib
import json
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

BENCHMARKS = Path(__file__).parent.parent / "benchmarks"
MOST_S = 1500  # of the whole suite, on one H100 or H200 with empty caches
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
                              "pipelined_step_s": 9.0 if asked["steps"] == "5" else 0.02,
                              "images_per_s": int(asked["batch"]) / 0.02}))
"""


ORPHAN = """
import os, threading
from accelerator.process import Process
if __name__ == "__main__":
    process = Process(threading.Event)
    process.ask("wait", timeout=600)
    print(process._process.pid, flush=True)
    os._exit(1)
"""


@pytest.fixture
def plan(monkeypatch):
    monkeypatch.syspath_prepend(BENCHMARKS)
    from accelerator import plan

    return plan


def suite(folder: Path, *flags: str, **variables: str) -> str:
    if any(flag.startswith("--peer") for flag in flags):  # other packages take what is called torch for it
        (folder / "torch.py").write_text(TORCH)
        (folder / "peer.py").write_text(PEER)
    command = [sys.executable, BENCHMARKS / "gpu.py", f"--out={folder}/gpu.jsonl", *flags]
    environment = os.environ | {
        "PYTHONPATH": str(folder),
        "JAX_PLATFORMS": "cpu",
        "XLA_FLAGS": "--xla_force_host_platform_device_count=1",
        **variables,
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
    # what is in XLA's cache when a program is timed was compiled for that
    cache = {
        "JAX_COMPILATION_CACHE_DIR": str(folder / "xla"),
        "JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS": "0",
    }
    said = suite(folder, "--tiny", "--items=facts,infer-*,operations-*", peer, **cache)
    return folder, peer, said


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
    assert ready["dmljax"]["from_cache"] >= 2 and not ready["dmljax"]["was_cached"]  # variables, and the step
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


def test_the_whole_fits_into_its_time(plan):
    groups = plan.whole()
    assert sum(plan.expected(group) for group in groups) <= MOST_S
    items = [item for group in groups + plan.asked() for item in group]
    assert len({item.name for item in items}) == len(items)
    assert not [item for group in groups for item in group if item.kind == "operations"]
    assert {item.kind for item in items} == {item.kind for group in plan.tiny() for item in group}


def test_what_was_measured_is_not_measured_again(plan):
    known = {item.name: item.settings for group in plan.whole() + plan.asked() for item in group}
    lines = [json.loads(line) for line in (BENCHMARKS / "gpu.jsonl").read_text().splitlines()]
    done = {line["item"]: line["settings"] for line in lines if line.get("done")}
    assert done and done.items() <= known.items()


def test_of_a_group_as_much_is_done_as_there_is_time_for(plan):
    seconds = {"a": 5, "b": 50, "c": 5}
    group = [plan.Item(name, "facts", own, {}, ahead=100) for name, own in seconds.items()]
    assert plan.expected(group) == 160
    assert [item.name for item in plan.fitting(group, 159)] == ["a", "b"]
    assert [item.name for item in plan.fitting(group, 120)] == ["a", "c"]
    assert plan.fitting(group, 104) == []


def test_an_item_whose_package_is_missing_is_neither_measured_nor_failed(plan, tmp_path, capsys):
    import gpu
    from accelerator import tables

    item = plan.Item("training-tfdata", "training", 1, {}, needs=("no_such_package",))
    for _ in range(2):
        lines = gpu.Lines(tmp_path / "gpu.jsonl")
        assert gpu.possible([item], lines) == []
    [line] = lines_of(tmp_path)
    assert line["left_out"] == "needs no_such_package, not installed here"
    assert not lines.done(item) and tables.page(lines.all) == ""
    assert capsys.readouterr().out.startswith("training-tfdata: left out, needs no_such_package")


def test_what_measures_ends_with_a_suite_that_is_killed(tmp_path):
    (tmp_path / "orphan.py").write_text(ORPHAN)
    environment = os.environ | {"PYTHONPATH": str(BENCHMARKS)}
    done = subprocess.run(
        [sys.executable, tmp_path / "orphan.py"], env=environment, stdout=subprocess.PIPE, timeout=120
    )
    process, end = int(done.stdout), time.monotonic() + 60
    with contextlib.suppress(ProcessLookupError):
        while time.monotonic() < end:
            os.kill(process, 0)
            time.sleep(0.1)
        pytest.fail("it is still there")


@pytest.mark.slow
def test_a_profile_seeds_and_trainings_in_small(tmp_path):
    said = suite(tmp_path, "--tiny", "--items=profile,seeds-*,training*", f"--traces={tmp_path}/traces")
    lines = lines_of(tmp_path)
    assert not [line for line in lines if "error" in line]
    assert [line["item"] for line in lines if line.get("done")] == [
        "profile",
        "seeds-2-24px",
        "training",
        "training-resident",
        "training-tfdata",
    ]
    [seeds] = [line for line in lines if "together_s" in line]
    assert seeds["largest_difference"] < 1e-4 and seeds["ratio"] > 0
    assert "| seeds-2-24px | cpu |" in said
    [profile] = [line["rows"] for line in lines if "rows" in line]
    shares = {row["name"]: row["share"] for row in profile if row["by"] == "pass"}
    assert {"forward", "backward"} <= shares.keys() and abs(sum(shares.values()) - 1) < 0.01
    assert (tmp_path / "traces/step.hlo.txt.gz").stat().st_size > 1000
    runs = {line["item"]: line for line in lines if "steady_step_s" in line}
    assert all(run["images_per_s"] > 0 and run["feed_s_a_step"] > 0 for run in runs.values())
    assert len({run["loss_last"] for run in runs.values()}) == 1  # the same images in the same order
    assert runs["training"]["test_people"] == 1
    assert runs["training"]["feed_alone_images_per_s"] > 0
    assert runs["training-tfdata"]["feed_alone_images_per_s"] > 0
    assert "| synthetic, 175 images, memory=host | 4 |" in said
    assert "| synthetic, feed=tfdata |" in said


@pytest.mark.slow
def test_a_reproduction_in_small(tmp_path):
    said = suite(tmp_path, "--tiny", "--items=reproduce-*")
    found, done = lines_of(tmp_path)
    assert done["done"] and done["seconds"] > found["study_s"] > 0 and found["problems"] == []
    accuracy = {row["network"]: row["expression accuracy"] for row in found["networks"]}
    assert list(accuracy) == ["one_resnet", "mfe", "hpe", "jefl", "dynamic"]
    assert all(0 <= value <= 1 for value in accuracy.values())
    assert "| table8, synthetic, 175 images | dynamic |" in said

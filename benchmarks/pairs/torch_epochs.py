"""Whole epochs and whole evaluations by a PyTorch program's network, as its user would write them around it.

The program has a `DMLNet` and `losses`. Images lie in memory, a DataLoader shuffles and stacks them, and each
epoch ends with a checkpoint of all that a training goes on from. It needs nothing of dmljax.
"""

import argparse
import importlib.util
import json
import tempfile
import time
from pathlib import Path

import torch
import torch.nn.functional as F
from torch.utils.data import DataLoader, TensorDataset

AT_A_TIME = 32  # images of an evaluation, as ours


def arguments():
    flags = argparse.ArgumentParser()
    flags.add_argument("peer")
    flags.add_argument("--mode", choices=["epoch", "evaluate"], required=True)
    for name in ("image", "batch", "width", "images", "steps", "warmup"):
        flags.add_argument(f"--{name}", type=int, required=True)
    flags.add_argument("--stages", required=True)
    flags.add_argument("--device", default="cpu")
    flags.add_argument("--compile", action="store_true")
    return flags.parse_args()


def peer_of(path: str):
    found = importlib.util.spec_from_file_location("peer", path)
    module = importlib.util.module_from_spec(found)
    found.loader.exec_module(module)
    return module


def images_of(asked) -> TensorDataset:
    drawn = torch.Generator().manual_seed(1)
    pixels = (asked.images, 3, asked.image, asked.image)
    images = torch.randint(0, 256, pixels, dtype=torch.uint8, generator=drawn)
    labels = [torch.randint(0, n, (asked.images,), generator=drawn) for n in (7, 5, 20)]
    return TensorDataset(images.contiguous(memory_format=torch.channels_last), *labels)


def standardised(images):
    images = images.float()
    mean, deviation = images.mean((1, 2, 3), keepdim=True), images.std((1, 2, 3), keepdim=True)
    return (images - mean) / (deviation + 1e-6)


def trains(asked, peer, model, data):
    """An epoch of steps with dynamic weights, Adam and a moving average; then all of it in a file."""
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-3, fused=True)
    average = [parameter.detach().clone() for parameter in model.parameters()]
    of_batch = torch.compile(peer.losses) if asked.compile else peer.losses
    batches = DataLoader(data, asked.batch, shuffle=True, drop_last=True)
    history = torch.ones(2, 3)
    file = Path(tempfile.mkdtemp()) / "last.pt"

    def epoch():
        nonlocal history
        for images, *labels in batches:
            losses = of_batch(model, standardised(images), labels)
            weights = 2 * torch.softmax(history[1] / history[0].clamp_min(1e-8) / 2, 0)
            optimizer.zero_grad(set_to_none=True)
            (weights * losses).sum().backward()
            optimizer.step()
            torch._foreach_lerp_(average, list(model.parameters()), 1e-4)
            history = torch.stack([history[1], losses.detach()])
        torch.save([model.state_dict(), optimizer.state_dict(), average, history], file)

    return epoch


def evaluates(asked, model, data):
    """Probabilities of all images."""
    network = torch.compile(model) if asked.compile else model
    batches = DataLoader(data, AT_A_TIME)

    def evaluation():
        with torch.inference_mode():
            found = [network(standardised(images)) for images, *_ in batches]
            return [
                (e, F.softmax(expression, 1).argmax(1), F.softmax(pose, 1)) for e, expression, pose in found
            ]

    return evaluation


def main():
    asked = arguments()
    torch.manual_seed(0)
    peer, data = peer_of(asked.peer), images_of(asked)
    model = peer.DMLNet([int(n) for n in asked.stages.split(",")], asked.width)
    model = model.to(memory_format=torch.channels_last).train(asked.mode == "epoch")
    turn = trains(asked, peer, model, data) if asked.mode == "epoch" else evaluates(asked, model, data)
    for _ in range(asked.warmup):
        turn()
    taken = []
    for _ in range(asked.steps):
        before = time.perf_counter()
        turn()
        taken.append(time.perf_counter() - before)
    print(json.dumps(taken))


if __name__ == "__main__":
    main()

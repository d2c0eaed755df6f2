"""TorchJD's side: the network of a problem in PyTorch, trained or timed as asked on standard input.

A line of JSON is a question, {"do": "train" or "time", "kind": "aggregation" or "scalarization", "name",
"arguments", "start", "order", "rate", "epoch", "steps"}, and a line of JSON answers it. Runs in an
environment with torch and torchjd, and without dmljax.
"""

import json
import sys
import time
from importlib.metadata import version
from pathlib import Path

import numpy as np
import torch
import torchjd.aggregation
import torchjd.scalarization
from torch import nn
from torchjd.autojac import jac_to_grad, mtl_backward

WARM = 10  # steps before those that are timed


class Trunk(nn.Module):
    """As in examples/multitask/problems.py; pictures are [N, H, W, 1] there, and so is what is flattened."""

    def __init__(self, arrays: dict[str, np.ndarray]):
        super().__init__()
        self.convolutions = nn.ModuleList(
            convolution(arrays[f"trunk/Conv_{k}/kernel"], arrays[f"trunk/Conv_{k}/bias"])
            for k in range(sum(name.startswith("trunk/Conv_") for name in arrays) // 2)
        )
        self.last = dense(arrays["trunk/Dense_0/kernel"], arrays["trunk/Dense_0/bias"])

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        if self.convolutions:
            x = x.permute(0, 3, 1, 2)
            for layer in self.convolutions:
                x = nn.functional.max_pool2d(torch.relu(layer(x)), 2)
            x = x.permute(0, 2, 3, 1).flatten(1)
        return torch.relu(self.last(x))


def dense(kernel: np.ndarray, bias: np.ndarray) -> nn.Linear:
    layer = nn.Linear(*kernel.shape)
    layer.weight.data, layer.bias.data = torch.tensor(kernel.T.copy()), torch.tensor(bias)
    return layer


def convolution(kernel: np.ndarray, bias: np.ndarray) -> nn.Conv2d:
    layer = nn.Conv2d(kernel.shape[2], kernel.shape[3], kernel.shape[:2])
    layer.weight.data = torch.tensor(kernel.transpose(3, 2, 0, 1).copy())
    layer.bias.data = torch.tensor(bias)
    return layer


class Training:
    """A network, its optimizer, and the aggregator of its gradients or the scalarizer of its losses."""

    def __init__(self, folder: Path, question: dict):
        arrays = dict(np.load(folder / question["start"]))
        self.data = {name: torch.tensor(array) for name, array in np.load(folder / "data.npz").items()}
        self.trunk = Trunk(arrays)
        heads = sum(name.startswith("Dense_") for name in arrays) // 2
        self.heads = nn.ModuleList(
            dense(arrays[f"Dense_{k}/kernel"], arrays[f"Dense_{k}/bias"]) for k in range(heads)
        )
        kind = getattr(torchjd, question["kind"])
        self.rule, self.epoch = getattr(kind, question["name"])(**question["arguments"]), question["epoch"]
        self.scalar = isinstance(self.rule, torchjd.scalarization.Scalarizer)
        self.parameters = [*self.trunk.parameters(), *self.heads.parameters()]
        if self.scalar and not hasattr(self.rule, "update"):  # FAMO has an optimizer of its own
            self.parameters.extend(self.rule.parameters())
        self.optimizer = torch.optim.Adam(self.parameters, lr=question["rate"])
        self.order = torch.tensor(np.load(folder / question["order"]).astype(np.int64))

    def losses(self, shared: torch.Tensor, labels: torch.Tensor) -> list[torch.Tensor]:
        outputs = [head(shared) for head in self.heads]
        if outputs[0].shape[1] > 1:
            return [nn.functional.cross_entropy(out, labels[:, k].long()) for k, out in enumerate(outputs)]
        of = nn.functional.binary_cross_entropy_with_logits
        return [of(out[:, 0], labels[:, k].float()) for k, out in enumerate(outputs)]

    def step(self, number: int) -> None:
        rows = self.order[number % len(self.order)]
        shared = self.trunk(self.data["inputs"][rows])
        losses = self.losses(shared, self.data["labels"][rows])
        if self.scalar:
            self.rule(torch.stack(losses)).backward()
        else:
            mtl_backward(losses, features=shared)
            jac_to_grad(list(self.trunk.parameters()), self.rule)
        self.optimizer.step()
        self.optimizer.zero_grad()
        if self.scalar:
            self.after(number, rows)

    @torch.no_grad()
    def after(self, number: int, rows: torch.Tensor) -> None:
        """What some scalarizers do after a step: FAMO looks again, DWA counts epochs."""
        if hasattr(self.rule, "update"):
            shared = self.trunk(self.data["inputs"][rows])
            self.rule.update(torch.stack(self.losses(shared, self.data["labels"][rows])))
        if hasattr(self.rule, "step") and (number + 1) % self.epoch == 0:
            self.rule.step()

    @torch.no_grad()
    def predict(self) -> np.ndarray:
        shared = self.trunk(self.data["tested"])
        return np.stack([head(shared).numpy() for head in self.heads], 1)


def train(folder: Path, question: dict) -> dict:
    training = Training(folder, question)
    for number in range(question["steps"]):
        training.step(number)
    np.save(folder / "theirs.npy", training.predict())
    return {"outputs": "theirs.npy"}


def timed(training: Training, steps: int) -> float:
    """Seconds a step."""
    start = time.perf_counter()
    for number in range(steps):
        training.step(number)
    return (time.perf_counter() - start) / steps


def main(folder: Path) -> None:
    made = {"torch": version("torch"), "torchjd": version("torchjd"), "threads": torch.get_num_threads()}
    print(json.dumps(made), flush=True)
    for line in sys.stdin:
        question = json.loads(line)
        torch.manual_seed(0)
        if question["do"] == "train":
            answer = train(folder, question)
        else:
            timed(Training(folder, question), WARM)
            answer = {"step_s": timed(Training(folder, question), question["steps"])}
        print(json.dumps(answer), flush=True)


if __name__ == "__main__":
    main(Path(sys.argv[1]))

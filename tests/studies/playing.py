"""Trainings that a function plays, epoch by epoch, for tests of what is made of many."""

import json

import dmljax
from dmljax import get_config

RATE, MARGIN = "optimizer.learning_rate", "losses.margin_pose"


def score(config):
    """What a training of this configuration is played to reach: the nearer the margin to 0.3, the better."""
    return 1 - abs(config.losses.margin_pose - 0.3)


class Played:
    """A run whose epochs come one at a poll; `stopped` has the labels of those that were asked to end."""

    fails, stopped, epochs = (), [], 5

    def __init__(self, job):
        self.member, self.epoch, self.why = job.member, 0, ""
        assert not job.tests, "a sweep does not look at the test people"
        self.config = get_config(job.member.config_file)
        self.member.folder.mkdir(parents=True, exist_ok=True)
        log = self.member.folder / "train.jsonl"
        self.epoch = len(log.read_text().splitlines()) if log.exists() else 0

    def over(self):
        if self.why or self.epoch >= self.epochs:
            return True
        if self.member.label in self.fails:
            self.why = "no people are left"
            return True
        self.epoch += 1
        value = score(self.config) * self.epoch / self.epochs
        line = {"step": 10 * self.epoch, "epoch": self.epoch, "validation/accuracy/expression": value}
        with open(self.member.folder / "train.jsonl", "a") as log:
            log.write(
                json.dumps(line | {"validation/loss": 1 - value, "validation/accuracy/pose": value}) + "\n"
            )
        if self.epoch == self.epochs:
            (self.member.folder / "cost.json").write_text("{}")
        return False

    def reason(self):
        return self.why

    def stop(self):
        self.stopped.append(self.member.label)
        self.why = "stopped, and saved"


def options(folder, **more):
    return dmljax.StudyOptions(folder, progress=False, say=lambda line: None, **more)

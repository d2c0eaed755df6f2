"""A run in a bucket, trained, evaluated, loaded and started from on one machine after the other."""

import json

import pytest

import dmljax
from tests.runs.saves import url
from tests.runs.tiny import TINY


class Stopped(Exception):
    pass


class Stops:
    def on_save(self, kind, step, folder):
        if step == 4 and kind == "last":
            raise Stopped


def lines(folder):
    found = [json.loads(line) for line in (folder / "train.jsonl").read_text().splitlines()]
    return [{k: v for k, v in line.items() if k != "steps_per_second"} for line in found]


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")
def test_a_run_in_a_bucket(standard_promotion, bucket, tmp_path, machine):
    """Half of it on one machine, the rest on another, equals one run in a folder."""
    own = TINY | {
        "dataset.root": str(tmp_path / "rendered"),
        "train.log_every": "1 step",
        "train.save_every": "2 steps",
        "train.duration": "6 steps",
        "split.validation": 0.3,
        "dataset.synthetic.identities": 8,
    }
    quiet = {"progress": False, "say": lambda line: None}
    config = dmljax.get_config("quick", own)
    dmljax.train(config, tmp_path / "whole", **quiet)
    with pytest.raises(Stopped):
        dmljax.train(config, url(bucket), hooks=[Stops()], **quiet)
    machine("second")
    done = dmljax.train(config, url(bucket), **quiet)
    assert lines(bucket) == lines(tmp_path / "whole") == lines(done.run)
    scores = dmljax.evaluate(url(bucket), **quiet)
    assert (bucket / "evaluation" / "metrics.json").is_file()
    assert dict(scores) == dict(dmljax.evaluate(tmp_path / "whole", **quiet))
    machine("third")
    assert dmljax.load(url(bucket)).digest == dmljax.load(tmp_path / "whole").digest
    file = dmljax.export(url(bucket), format="safetensors", say=lambda line: None).path
    assert (bucket / "exports" / file.name).is_file()
    began = dmljax.get_config("quick", own | {"init.run": url(bucket), "train.duration": "1 step"})
    dmljax.train(began, tmp_path / "from_it", **quiet)
    assert lines(tmp_path / "from_it")

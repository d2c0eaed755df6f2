"""Prepared sets on disk: cut and resized images in shards, with the labels as a table.

OUT/<set>/<version>/
  <set>-samples.array_record-00000-of-00005   random access: this package's feeds, tfds.data_source
  <set>-samples.tfrecord-00000-of-00005       in order: tfds.load
  <set>-samples.array-00000-of-00005          uint8 [., side, side, 3] for numpy.load, without TensorFlow
  dataset_info.json, features.json            TFDS's own
  prepared.json, table.npz, skipped.csv       what it is, labels and references, what was left out and why
"""

from __future__ import annotations

import io
import json
import os
import threading
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import numpy as np
from PIL import Image

from dmljax import extras, writing
from dmljax.preparation import inventory
from dmljax.types import EXPRESSION, IDENTITY, IMAGE, POSE, Protocol, Samples, UserError

FORMATS = ("array_record", "tfrecord", "array")
SPLIT = "samples"
PLAN = "plan.json"  # there from the beginning; what is only planned is not prepared yet
SKIPPED = "skipped.csv"
_ABOUT, _TABLE = "prepared.json", "table.npz"
_WORDS = (
    "name",
    "expression_names",
    "pose_names",
    "identity_names",
    "pose_yaw",
    "pose_mirror",
    "published",
    "licence",
    "obtain",
    "protocol",
    "notes",
)
_PNG = {"format": "PNG", "compress_level": 3}


def is_prepared(root: str | Path) -> bool:
    """Whether the folder is a finished prepared set."""
    return bool(root) and (Path(root) / _ABOUT).is_file()


def find(root: str | Path, name: str) -> Path | None:
    """The prepared set `name` at `root`: the folder itself, or the highest version in the folder that
    preparations went to; else None.

    Raises:
      UserError: there is only an unfinished preparation.
    """
    if is_prepared(root):
        return Path(root)
    begun = [Path(root), *Path(root).glob(f"{name}/*")] if root else []
    versions = [path for path in begun if is_prepared(path)]
    if not versions and (unfinished := [path for path in begun if (path / PLAN).is_file()]):
        raise UserError(
            f"'{unfinished[0]}' is a preparation that was not finished; run the same prepare command again"
        )
    return max(versions, key=lambda path: [int(part) for part in path.name.split(".")], default=None)


def write_shard(
    folder: Path,
    samples: Samples,
    images: Iterator[tuple[int, np.ndarray]],
    formats,
    size: int,
    shard: int,
    shards: int,
) -> None:
    """One shard in every format. `images` gives the row in `samples` and the pixels, uint8 [size, size,
    3].
    """
    paths = [_shard_path(folder, samples.name, name, shard, shards) for name in formats]
    serialise = _examples(samples, size) if set(formats) & set(_RECORDS) else None
    with ExitStack() as whole:
        parts = [whole.enter_context(writing.whole(path)) for path in paths]
        with ExitStack() as stack:
            records = [_RECORDS[name](part, stack) for name, part in zip(formats, parts) if name in _RECORDS]
            arrays = [
                _array(part, len(samples), size, stack)
                for name, part in zip(formats, parts)
                if name == "array"
            ]
            for row, pixels in images:
                example = serialise(row, pixels) if records else None
                for write in records:
                    write(example)
                for write in arrays:
                    write(pixels)


def _shard_path(folder: Path, name: str, kind: str, shard: int, shards: int) -> Path:
    return folder / f"{name}-{SPLIT}.{kind}-{shard:05d}-of-{shards:05d}"


def check_formats(formats) -> None:
    """Raises a UserError where a format needs packages that are not installed."""
    if set(formats) & set(_RECORDS):
        _tfds()


def _tfds():
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    extras.require(
        "tensorflow",
        "tensorflow",
        "tensorflow_datasets",
        purpose="the formats array_record and tfrecord",
        instead="choose the format array",
        parameter="formats",
    )
    import tensorflow_datasets as tfds

    return tfds


def _features(samples: Samples, size: int):
    """What an example holds, in TFDS's words; a label of -1 is not known."""
    tfds = _tfds()
    label = lambda names: tfds.features.ClassLabel(names=list(names) or ["unknown"])
    return tfds.features.FeaturesDict(
        {
            IMAGE: tfds.features.Image(shape=(size, size, 3), encoding_format="png"),
            "reference": tfds.features.Text(),
            EXPRESSION: label(samples.expression_names),
            POSE: label(samples.pose_names),
            IDENTITY: label(samples.identity_names),
        }
    )


def _examples(samples: Samples, size: int):
    """(row, pixels) -> a serialised example."""
    features = _features(samples, size)
    import tensorflow as tf

    def serialise(row: int, pixels: np.ndarray) -> bytes:
        png = io.BytesIO()
        Image.fromarray(pixels).save(png, **_PNG)
        png.seek(0)
        example = features.serialize_example(
            features.encode_example(
                {
                    IMAGE: png,
                    "reference": samples.references[row],
                    EXPRESSION: int(samples.expression[row]),
                    POSE: int(samples.pose[row]),
                    IDENTITY: int(samples.identity[row]),
                }
            )
        )
        # a protobuf map has no order of its own
        return tf.train.Example.FromString(example).SerializeToString(deterministic=True)

    return serialise


def _array_record(path: Path, stack: ExitStack):
    from array_record.python import array_record_module

    writer = array_record_module.ArrayRecordWriter(str(path), "group_size:1")
    stack.callback(writer.close)
    return writer.write


def _tfrecord(path: Path, stack: ExitStack):
    import tensorflow as tf

    return stack.enter_context(tf.io.TFRecordWriter(str(path))).write


def _array(path: Path, most: int, size: int, stack: ExitStack):
    """A .npy file of at most `most` images. How many there are is known last, so its header is written twice,
    in the same room.
    """
    file = stack.enter_context(open(path, "wb"))
    count = 0

    def header(images: int) -> int:
        file.seek(0)
        np.lib.format.write_array_header_1_0(
            file, {"descr": "|u1", "fortran_order": False, "shape": (images, size, size, 3)}
        )
        return file.tell()

    start = header(most)

    def write(pixels: np.ndarray) -> None:
        nonlocal count
        file.write(np.ascontiguousarray(pixels).tobytes())
        count += 1

    def close() -> None:
        if header(count) != start:
            raise OSError(0, f"the header of '{path.name}' does not fit", str(path))

    stack.callback(close)
    return write


_RECORDS = {"array_record": _array_record, "tfrecord": _tfrecord}


def finish(folder: Path, samples: Samples, formats, size: int, lengths: list[int], options: dict) -> None:
    """Writes what describes the shards; `prepared.json` comes last and says that the set is whole.

    Args:
      samples: the images that were kept, in order, with what was skipped.
      lengths: images in each shard.
      options: the set's own options.
    """
    columns = {
        EXPRESSION: samples.expression,
        POSE: samples.pose,
        IDENTITY: samples.identity,
        "hashes": samples.hashes,
    }
    if samples.partition is not None:
        columns["partition"] = samples.partition
    references = np.frombuffer("\n".join(samples.references).encode(), np.uint8)
    with writing.whole(folder / _TABLE) as part, open(part, "wb") as file:
        np.savez_compressed(file, references=references, **columns)
    inventory.write_skipped(samples.skipped, folder / SKIPPED)
    if set(formats) - {"array"}:
        _describe_to_tfds(folder, samples, size, formats, lengths)
    about = {word: getattr(samples, word) for word in _WORDS}
    about |= {
        "pose_yaw": [None if np.isnan(yaw) else yaw for yaw in samples.pose_yaw],
        "formats": list(formats),
    }
    about |= {"size": size, "lengths": lengths, "options": options, "own": bool(samples.place)}
    writing.as_json(folder / _ABOUT, about)


def _describe_to_tfds(folder: Path, samples: Samples, size: int, formats, lengths: list[int]) -> None:
    tfds = _tfds()
    kind = "tfrecord" if "tfrecord" in formats else "array_record"
    template = tfds.core.ShardedFileTemplate(
        data_dir=folder, dataset_name=samples.name, split=SPLIT, filetype_suffix=kind
    )
    total = sum(
        _shard_path(folder, samples.name, kind, k, len(lengths)).stat().st_size for k in range(len(lengths))
    )
    split = tfds.core.SplitInfo(
        name=SPLIT, shard_lengths=lengths, num_bytes=total, filename_template=template
    )
    # Not tfds.folder_dataset.write_metadata: it wants all files of the folder to be of one format.
    identity = tfds.core.dataset_info.DatasetIdentity(
        name=samples.name, version=tfds.core.Version(folder.name), data_dir=str(folder), module_name=""
    )
    info = tfds.core.DatasetInfo(
        builder=identity,
        features=_features(samples, size),
        license=samples.licence or None,
        description=(
            f"{samples.name}, cut and resized to {size} x {size} pixels; -1: a label that is not known"
        ),
    )
    info.set_file_format(tfds.core.FileFormat(kind))
    for other in set(formats) - {kind, "array"}:
        info.add_alternative_file_format(other)
    info.set_splits(tfds.core.splits.SplitDict([split]))
    info.write_to_directory(folder)


def read(folder: str | Path, options: dict | None = None) -> Samples:
    """A prepared set; images are read by index, those of the array format without TensorFlow.

    Args:
      options: the set's own options that the caller believes it was prepared with; None: any.

    Raises:
      UserError: its files are not what they were, it was prepared with other options, or its format needs
        TensorFlow, which is not installed.
    """
    folder = Path(folder)
    try:
        about = json.loads((folder / _ABOUT).read_text(encoding="utf-8"))
        with np.load(folder / _TABLE) as content:
            columns = {key: content[key] for key in content.files}
        skipped = inventory.read_skipped(folder / SKIPPED)
        about.setdefault("notes", [])  # sets that were prepared before they kept these two
        about.setdefault("own", about["name"] == "folder")
        words = {
            word: tuple(about[word]) if isinstance(about[word], list) else about[word] for word in _WORDS
        }
        lengths, own = about["lengths"], about["options"]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise UserError(f"the prepared set '{folder}' cannot be read ({error}); prepare it again") from None
    changed = [
        f"{key}: {own[key]!r} there, {value!r} here"
        for key, value in json.loads(json.dumps(options or {})).items()
        if key in own and own[key] != value
    ]
    if changed:
        raise UserError(
            f"'{folder}' was prepared with other options ({'; '.join(changed)}); give the same, or prepare it"
            " again"
        )
    references = tuple(columns.pop("references").tobytes().decode().split("\n"))
    number = {reference: k for k, reference in enumerate(references)}
    for kind in about["formats"]:
        for k in range(len(lengths)):
            if not (path := _shard_path(folder, words["name"], kind, k, len(lengths))).is_file():
                raise UserError(
                    f"the prepared set '{folder}' lacks '{path.name}'; copy it whole, or prepare it again"
                )
    if set(about["formats"]) == {"tfrecord"}:
        raise UserError(
            f"'{folder}' holds tfrecord alone, which cannot be read by index; prepare it"
            " in the format array_record or array"
        )
    fetch = (
        _fetch_array(folder, words["name"], lengths) if "array" in about["formats"] else _fetch_record(folder)
    )
    return Samples(
        **words
        | {
            "pose_yaw": tuple(float("nan") if yaw is None else yaw for yaw in words["pose_yaw"]),
            "protocol": Protocol(*words["protocol"]) if words["protocol"] else None,
        },
        **columns,
        references=references,
        read=lambda reference: fetch(number[reference]),
        darkest=0.0,
        skipped=skipped,
        place=str(folder.resolve()) if about["own"] else "",
    )


def _fetch_array(folder: Path, name: str, lengths: list[int]):
    shards = [
        np.load(_shard_path(folder, name, "array", k, len(lengths)), mmap_mode="r")
        for k in range(len(lengths))
    ]
    starts = np.cumsum([0, *lengths])

    def fetch(number: int) -> np.ndarray:
        shard = int(np.searchsorted(starts, number, "right")) - 1
        return np.array(shards[shard][number - starts[shard]])

    return fetch


def _fetch_record(folder: Path):
    """By TFDS's data source, which opens its files at the first index."""
    tfds = _tfds()
    source = tfds.builder_from_directory(str(folder)).as_data_source(
        SPLIT, decoders={IMAGE: tfds.decode.SkipDecoding()}
    )
    lock = threading.Lock()

    def fetch(number: int) -> bytes:
        with lock:  # its readers are opened when they are first used, which threads must not do together
            return source[number][IMAGE]

    return fetch

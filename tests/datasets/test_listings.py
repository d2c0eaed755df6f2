"""Loaders on trees of tiny files with all names of a licensed set, where their listings are there."""

from collections import Counter
from pathlib import Path

import pytest

from dmljax.datasets import bu3dfe, sfew

LISTINGS = Path(__file__).parents[2].parent / "shared" / "listings"

pytestmark = pytest.mark.skipif(
    not LISTINGS.is_dir(), reason="the listings of the licensed sets are not here"
)


def names(listing):
    return (LISTINGS / f"{listing}.txt").read_text().split()


def write(path):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.touch()


@pytest.mark.parametrize("layout", ["as listed", "as published"])
def test_sfew(tmp_path, layout):
    deep = {
        "Train": "Train/Train_Aligned_Faces",
        "Val": "Val/Val_Aligned_Faces_new/Val_Aligned_Faces",
        "Test": "Test/Test_Aligned_Faces",
    }
    for part in deep:
        for name in names(f"sfew2_{part.lower()}"):
            inner = name.removeprefix(part)
            write(tmp_path / (deep[part] + inner if layout == "as published" else name))
            if layout == "as published":
                write(tmp_path / f"{part}/{part}_SFEW_2_0{inner}")
    samples = sfew.samples(str(tmp_path))
    assert len(samples) == 958 + 436
    for side, part in enumerate(("train", "val")):
        found = Counter(samples.expression[samples.partition == side].tolist())
        assert {sfew.CLASSES[k]: count for k, count in found.items()} == sfew.PUBLISHED[part]
    assert not any("WARNING" in note for note in samples.notes)
    assert [(s.reference, s.reason) for s in samples.skipped] == [
        ("Test", "372 images without published labels")
    ]


def test_bu3dfe(tmp_path):
    listed = names("bu3dfe_2400")
    for name in listed:
        write(tmp_path / name[:5] / name)
        write(tmp_path / name[:5] / name.replace(".bmp", ".wrl"))
    samples = bu3dfe.samples(str(tmp_path), cache=str(tmp_path / "cache"))
    assert len(listed) == 2400 and len(samples) == 2400 * 9 and len(samples.identity_names) == 100
    assert Counter(samples.expression.tolist()) == {k: 400 * 9 for k in range(6)}
    assert samples.skipped == () and not any("WARNING" in note for note in samples.notes)

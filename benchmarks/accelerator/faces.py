"""Configurations of short runs on rendered faces: of ict3dfe, or of the embedded set without a face model."""

from __future__ import annotations


def config(data: str, *, identities: int, batch: int, image: int, net: dict, changes: dict):
    """The ict3dfe configuration for a short run.

    Args:
      data: file or folder of ict3dfe's face model, or ''.
      identities, batch, image: people, images in a step, pixels.
      net: 'width' of the first stage and 'stages' as text with commas.
      changes: further fields, values by name.
    """
    import dmljax

    name = "ict3dfe" if data else "synthetic"
    return dmljax.get_config(
        "ict3dfe",
        {
            "dataset.name": name,
            "dataset.root": data,
            f"dataset.{name}.identities": identities,
            f"dataset.{name}.size": image,
            "split.kind": "given" if data else "folds",
            "data.image_size": image,
            "data.tuples_per_step": batch // 5,
            "backbone.resnet.width": net["width"],
            "backbone.resnet.stages": tuple(int(s) for s in net["stages"].split(",")),
            "optimizer.warmup": "10%",
            "ema.decay": 0.99,
        }
        | changes,
    )

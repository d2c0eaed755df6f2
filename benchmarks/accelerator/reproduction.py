"""A table of the paper by `dmljax reproduce`, small: what came out of it, and how long its parts took."""

from __future__ import annotations

import time

from accelerator import faces

SHOWN = ("expression accuracy", "pose accuracy")


class Reproduction:
    """One study; its set is ict3dfe where its face model is given, else the embedded one."""

    def measure(
        self, *, folder: str, data: str, table: str, identities: int, epochs: int, batch: int, image: int,
        width: int, stages: str, seeds: list[int], jobs: int,
    ) -> dict:  # fmt: skip
        """Accuracies of every network on people never seen, 0..1; seconds of the pictures and of the rest.

        Args:
          folder: of the study.
          table: as `dmljax reproduce` takes it.
          identities, batch, image: people, images in a step, pixels.
          jobs: runs at a time.
        """
        import dmljax
        from dmljax.runs import sets

        net, epochs_long = {"width": width, "stages": stages}, f"{epochs} epochs"
        changes = {"train.duration": epochs_long, "train.save_every": epochs_long}
        config = faces.config(data, identities=identities, batch=batch, image=image, net=net, changes=changes)
        began = time.perf_counter()
        samples = sets.open_set(config, progress=False).samples  # pictures made once, not by every run
        opened = time.perf_counter()
        options = dmljax.StudyOptions(folder, seeds=tuple(seeds), jobs=jobs, progress=False)
        outcome = dmljax.reproduce(table, config, options)
        if not outcome.rows:
            raise RuntimeError("; ".join(outcome.problems) or "no run was finished")
        return {
            "set": samples.name,
            "images": len(samples),
            "pictures_s": round(opened - began, 1),
            "study_s": round(time.perf_counter() - opened, 1),
            "networks": [
                {"network": row["label"], "seed": row["seed"]}
                | {key: round(row[key], 4) for key in SHOWN if key in row}
                for row in outcome.rows
            ],
            "problems": outcome.problems,
        }

"""The page: a photograph on the left, its faces on the right, and below what is said of one of them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from dmljax.demo import shown
from dmljax.demo.answers import Answer, Answers
from dmljax.demo.training_side import TrainingSide
from dmljax.types import UserError

TITLE = "dmljax"
NAMELESS = "photograph"  # what one without a name is called


class Handlers:
    """What happens on the page, without Gradio: each method takes what was entered and returns what is shown.

    Args:
      answers: of the network.
      side: where neighbours are looked for; None: nowhere.
    """

    def __init__(self, answers: Answers, side: TrainingSide | None):
        self._answers, self._side = answers, side

    def photograph(
        self, photograph: Any, faces: str, name: str = ""
    ) -> tuple[np.ndarray | None, int, Answer | None, str]:
        """A photograph was given, or faces are to be found otherwise.

        Args:
          photograph: a path, or pixels uint8 [H, W, 3], RGB; None: it was taken away.
          faces: how they are found.
          name: of the file, for messages.

        Returns:
          The picture with boxes, how many faces there are, the answer, and HTML of the largest face or of
          what is wrong.
        """
        if photograph is None:
            return None, 0, None, ""
        try:
            answer = self._answers.of(photograph, faces)
        except UserError as error:  # of the detector, not of this photograph
            return None, 0, None, shown.mistake(error.message)
        except ValueError as error:
            return None, 0, None, shown.mistake(f"{name or NAMELESS}: {error}")
        return answer.picture, len(answer.pixels), answer, self.face(answer, 1)

    def face(self, answer: Answer | None, number: int) -> str:
        """HTML of a face, by its number from 1; nothing where there is no answer."""
        return "" if answer is None else shown.answer(answer, number - 1, self._side)


def build(answers: Answers, side: TrainingSide | None, head: str):
    """The page as gradio.Blocks.

    Args:
      answers: of the network.
      side: where neighbours are looked for; None: nowhere.
      head: HTML of what it says of itself.
    """
    import gradio

    handlers = Handlers(answers, side)
    with gradio.Blocks(title=TITLE, analytics_enabled=False) as page:
        gradio.HTML(head, elem_id="head")
        with gradio.Row():
            with gradio.Column(min_width=300):
                photograph = gradio.Image(
                    label="Photograph",
                    sources=["upload", "webcam", "clipboard"],
                    type="filepath",
                    height=380,
                    elem_id="photograph",
                    # a mirrored picture would show the yaw to the other side
                    webcam_options=gradio.WebcamOptions(mirror=False),
                )
                faces = gradio.Dropdown(
                    list(answers.finders), value=answers.usual, label="Faces are found by", elem_id="faces"
                )
            with gradio.Column(min_width=300):
                picture = gradio.Image(
                    label="Faces", interactive=False, height=380, buttons=["fullscreen"], elem_id="picture"
                )
                number = gradio.Radio(label="Face, from the largest", visible=False, elem_id="number")
        said = gradio.HTML(elem_id="said")
        answer = gradio.State()

        def given(file: dict | None, finder: str):
            """The file is decoded here, as a training decodes it, and not by Gradio."""
            path, name = (file["path"], Path(file.get("orig_name") or "").name) if file else (None, "")
            drawn, count, found, text = handlers.photograph(path, finder, name)
            numbers = list(range(1, count + 1))
            chooser = gradio.Radio(choices=numbers, value=1 if count else None, visible=count > 1)
            return drawn, chooser, found, text

        common: dict[str, Any] = {"api_visibility": "private", "concurrency_id": "network"}
        gradio.on(
            [photograph.change, faces.change],
            given,
            [photograph, faces],
            [picture, number, answer, said],
            preprocess=False,
            **common,
        )
        number.input(handlers.face, [answer, number], said, **common)
    return page

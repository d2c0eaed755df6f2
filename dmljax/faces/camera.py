"""The camera: turns a head, and projects its vertices onto the screen."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from dmljax.types import UserError


class Window(NamedTuple):
    """What of a head a picture shows: `centre` float [3], which it turns about and which stays in the middle;
    `extent`, see `Camera`.
    """

    centre: tuple[float, float, float]
    extent: float


class Camera(NamedTuple):
    """A view of a head.

    Attributes:
      yaw: degrees; positive: the person turned to their own left, the nose points to the image's right.
      pitch: degrees; positive: chin up.
      roll: degrees; positive: the head tilts clockwise in the image.
      extent: what the picture's side spans at the centre's distance, in the mesh's unit.
      distance: from the camera to the centre in units of `extent`; 0: orthographic.
      shift: (right, down), share of the picture's side by which the centre lies off its middle.
      centre: the point of the mesh that the head turns about.
    """

    yaw: float = 0.0
    pitch: float = 0.0
    roll: float = 0.0
    extent: float = 2.0
    distance: float = 3.0
    shift: tuple[float, float] = (0.0, 0.0)
    centre: tuple[float, float, float] = (0.0, 0.0, 0.0)


def rotation(camera: Camera) -> np.ndarray:
    """Rotation matrix float64 [3, 3]: pitch about the head's own left-right axis first, then yaw, then
    roll.
    """
    yaw, pitch, roll = np.deg2rad([camera.yaw, camera.pitch, camera.roll])
    about_x = np.array([[1, 0, 0], [0, np.cos(pitch), np.sin(pitch)], [0, -np.sin(pitch), np.cos(pitch)]])
    about_y = np.array([[np.cos(yaw), 0, np.sin(yaw)], [0, 1, 0], [-np.sin(yaw), 0, np.cos(yaw)]])
    about_z = np.array([[np.cos(roll), np.sin(roll), 0], [-np.sin(roll), np.cos(roll), 0], [0, 0, 1]])
    return about_z @ about_y @ about_x


def turn(vertices: np.ndarray, camera: Camera) -> np.ndarray:
    """Vertices [V, 3] relative to the centre, turned as the camera sees them."""
    return (vertices - np.asarray(camera.centre, vertices.dtype)) @ rotation(camera).T


def project(turned: np.ndarray, camera: Camera, side: int) -> tuple[np.ndarray, np.ndarray]:
    """Turned vertices [V, 3] -> (screen [V, 2] in pixels of a square picture of `side`, depth [V]).

    Depth is the distance along the line of sight in units of `extent`; in an orthographic view it is shifted
    to be above 0.

    Raises:
      UserError: the extent is not above zero, or the distance is negative.
    """
    if camera.extent <= 0 or camera.distance < 0:
        raise UserError(
            f"camera: extent must be above 0 and distance at least 0; got {camera.extent} and"
            f" {camera.distance}"
        )
    scaled = turned / camera.extent
    if camera.distance == 0:
        depth = scaled[:, 2].max() + 1.0 - scaled[:, 2]
        plane = scaled[:, :2]
    else:
        depth = camera.distance - scaled[:, 2]
        plane = scaled[:, :2] * (camera.distance / np.where(depth > 0, depth, np.inf))[:, None]
    return (plane * [1, -1] + 0.5 + np.asarray(camera.shift)) * side, depth

"""This package's rasteriser, Embree and VTK side by side on the same head."""

import json
import time

import numpy as np
from absl import flags
from dmljax.launch import cli

from dmljax.faces import ict, looks, render
from dmljax.faces.camera import Camera, turn

SUMMARY = "Times this package's rasteriser beside Embree (first hits of rays) and VTK (off-screen)."
USAGE = """\
    pip install trimesh embreex vtk
    taskset -c 0 python benchmarks/rasterisers.py --model=MODEL.npz

All three draw the same turned, vertex-coloured head of 26,719 vertices at 224 pixels, with four samples a
pixel and a key light, in one process on one core, in turns. Prints one JSON line per engine: the
median over the rounds, in milliseconds a picture.
"""

SIDE, SAMPLES, ROUNDS = 224, 2, 15
LIGHT = render.standard_light()


def ours(mesh):
    return lambda camera: render.render(mesh, camera, LIGHT, np.zeros(3), SIDE, samples=SAMPLES)


def embree(mesh):
    """Rays through the pixels' samples; the tree is built anew for every picture, as every picture has its
    own face.
    """
    import trimesh
    from trimesh.ray.ray_pyembree import RayMeshIntersector

    from dmljax.faces.mesh import vertex_normals

    fine = SIDE * SAMPLES
    axis = (np.arange(fine) + 0.5) / fine - 0.5

    def draw(camera):
        turned = turn(mesh.vertices, camera)
        body = trimesh.Trimesh(turned, mesh.triangles, process=False)
        y, x = np.meshgrid(-axis, axis, indexing="ij")
        at = camera.extent * camera.distance
        origin = np.broadcast_to([0.0, 0.0, at], (fine * fine, 3))
        direction = np.stack([x * camera.extent, y * camera.extent, np.full_like(x, -at)], -1).reshape(-1, 3)
        hit, ray, place = RayMeshIntersector(body).intersects_id(
            origin, direction, multiple_hits=False, return_locations=True
        )
        corners = turned[mesh.triangles[hit]]
        weights = trimesh.triangles.points_to_barycentric(corners, place)
        diffuse, mirror = render.shade(vertex_normals(turned, mesh.triangles), LIGHT)
        light = mesh.colour * diffuse + mesh.gloss[:, None] * mirror
        picture = np.zeros((fine * fine, 3))
        picture[ray] = (light[mesh.triangles[hit]] * weights[..., None]).sum(1)
        return render.encode(picture.reshape(SIDE, SAMPLES, SIDE, SAMPLES, 3).mean((1, 3)))

    return draw


def vtk(mesh):
    """Off-screen, with Gouraud shading; vertices are handed over anew for every picture."""
    import vtkmodules.vtkRenderingOpenGL2  # noqa: F401
    from vtkmodules.util.numpy_support import numpy_to_vtk, numpy_to_vtkIdTypeArray, vtk_to_numpy
    from vtkmodules.vtkCommonCore import vtkPoints
    from vtkmodules.vtkCommonDataModel import vtkCellArray, vtkPolyData
    from vtkmodules.vtkFiltersCore import vtkPolyDataNormals
    from vtkmodules.vtkRenderingCore import (
        vtkActor,
        vtkPolyDataMapper,
        vtkRenderer,
        vtkRenderWindow,
        vtkWindowToImageFilter,
    )

    cells = vtkCellArray()
    cells.SetData(3, numpy_to_vtkIdTypeArray(mesh.triangles.astype(np.int64).ravel(), deep=True))
    colours = numpy_to_vtk(render.encode(mesh.colour), deep=True)
    window, scene = vtkRenderWindow(), vtkRenderer()
    window.SetOffScreenRendering(1)
    window.SetSize(SIDE * SAMPLES, SIDE * SAMPLES)
    window.AddRenderer(scene)

    def draw(camera):
        turned = turn(mesh.vertices, camera)
        data, points = vtkPolyData(), vtkPoints()
        points.SetData(numpy_to_vtk(turned.astype(np.float32), deep=True))
        data.SetPoints(points)
        data.SetPolys(cells)
        data.GetPointData().SetScalars(colours)
        normals, mapper, actor = vtkPolyDataNormals(), vtkPolyDataMapper(), vtkActor()
        normals.SetInputData(data)
        normals.SplittingOff()
        mapper.SetInputConnection(normals.GetOutputPort())
        actor.SetMapper(mapper)
        scene.RemoveAllViewProps()
        scene.AddActor(actor)
        view, at = scene.GetActiveCamera(), camera.extent * camera.distance
        view.SetPosition(0, 0, at)
        view.SetFocalPoint(0, 0, 0)
        view.SetViewAngle(float(np.degrees(2 * np.arctan(0.5 / camera.distance))))
        scene.ResetCameraClippingRange()
        window.Render()
        grab = vtkWindowToImageFilter()
        grab.SetInput(window)
        grab.ReadFrontBufferOff()
        grab.Update()
        image = grab.GetOutput()
        fine = vtk_to_numpy(image.GetPointData().GetScalars()).reshape(SIDE * SAMPLES, SIDE * SAMPLES, 3)[
            ::-1
        ]
        return fine.reshape(SIDE, SAMPLES, SIDE, SAMPLES, 3).mean((1, 3)).astype(np.uint8)

    return draw


def main(values):
    model = ict.load(values.model)
    mesh = ict.sculpt(
        model, np.random.default_rng(0).standard_normal(100), looks.draw_look(np.random.default_rng(0))
    )
    window = ict.WINDOWS["head"]
    cameras = [
        Camera(yaw, centre=window.centre, extent=window.extent) for yaw in np.linspace(-90, 90, ROUNDS)
    ]
    engines, times = {}, {}
    for build in (ours, embree, vtk):
        try:
            engines[build.__name__] = build(mesh)
            engines[build.__name__](cameras[0])
        # an engine that is not installed, or finds no way to draw here, is left out by name
        except Exception as error:
            engines.pop(build.__name__, None)
            print(json.dumps({"engine": build.__name__, "not_measured": str(error)}))
    for camera in cameras:
        for name, draw in engines.items():
            start = time.perf_counter()
            picture = draw(camera)
            times.setdefault(name, []).append(time.perf_counter() - start)
            assert picture.shape == (SIDE, SIDE, 3) and picture.max() > 40, name
    for name, seconds in times.items():
        median, ratio = float(np.median(seconds)), np.median(seconds) / np.median(times["ours"])
        print(
            json.dumps(
                {
                    "engine": name,
                    "vertices": len(mesh.vertices),
                    "triangles": len(mesh.triangles),
                    "side": SIDE,
                    "samples_a_pixel": SAMPLES**2,
                    "median_ms": round(1000 * median, 1),
                    "ratio_to_ours": round(ratio, 2),
                }
            )
        )
    if values.sheet:
        from PIL import Image

        Image.fromarray(
            np.concatenate([np.concatenate([draw(c) for c in cameras[::4]], 1) for draw in engines.values()])
        ).save(values.sheet)


def define(values):
    flags.DEFINE_string("model", None, "the ICT Face Model Light", required=True, flag_values=values)
    flags.DEFINE_string("sheet", "", "file for a picture of what each engine drew", flag_values=values)


if __name__ == "__main__":
    cli.run("rasterisers", SUMMARY, USAGE, define, main)

from __future__ import annotations

import numpy as np
import torch

from everroad import geometry
from everroad.conditions.rays import camera_rays


def test_the_middle_ray_looks_ahead_and_all_are_unit_vectors(scene):
    cameras = [scene.camera(), scene.camera(yaw_deg=90, name="left")]
    intrinsics = torch.tensor(np.stack([c.intrinsics for c in cameras]))[None]
    ego_from_camera = torch.tensor(np.stack([c.ego_from_camera for c in cameras]))[None]
    rays = camera_rays(intrinsics, ego_from_camera, 129, 225)
    assert rays.shape == (1, 2, 3, 129, 225)
    torch.testing.assert_close(rays.norm(dim=2), torch.ones(1, 2, 129, 225, dtype=torch.float64))
    middle = camera_rays(intrinsics, ego_from_camera, 128, 224)[0, :, :, 63:65, 111:113].mean(dim=(-1, -2))
    torch.testing.assert_close(middle, torch.tensor([[1.0, 0, 0], [0, 1.0, 0]], dtype=torch.float64), atol=1e-4, rtol=0)


def test_points_along_a_ray_project_to_its_pixel(scene):
    camera = scene.camera(yaw_deg=-55)
    rays = camera_rays(torch.tensor(camera.intrinsics)[None, None], torch.tensor(camera.ego_from_camera)[None, None], 128, 224)
    points = rays[0, 0].numpy().transpose(1, 2, 0) * 7.3 + camera.ego_from_camera[:3, 3]
    pixels, depth = geometry.project(geometry.apply(geometry.invert(camera.ego_from_camera), points), camera.intrinsics)
    rows, columns = np.indices((128, 224))
    np.testing.assert_allclose(pixels, np.stack([columns, rows], axis=-1), atol=1e-6)
    assert (depth > 0).all()

"""The face generator: geometry, action units, skin, light, camera, rasteriser; NumPy alone."""

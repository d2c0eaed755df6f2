"""The face generator: geometry, action units, skin and light, camera and rasteriser; NumPy alone,
headless.
"""

"""Packaging: `configs` and `launch` are installed as dmljax.configs and dmljax.launch."""

from setuptools import find_packages, setup

TENSORFLOW = [
    "tensorflow-cpu>=2.20,<3; platform_machine == 'x86_64'",
    "tensorflow>=2.20,<3; platform_machine != 'x86_64'",
    "tensorflow-datasets>=4.9.9,<5",
]
REPORT = ["matplotlib>=3.9,<4", "scikit-learn>=1.5,<2", "scipy>=1.13", "scikit-image>=0.25"]
DETECT = ["opencv-python-headless>=4.8,<5", "dlib-bin>=19.24", "mtcnn>=1,<2"]
BEAM = ["apache-beam>=2.70,<3"]
CLUSTER = ["submitit>=1.5,<2"]
DOCS = ["furo>=2024.8", "jupytext>=1.16,<2", "myst-parser>=4", "sphinx>=8", "sphinx-copybutton>=0.5"]
TEST = ["pytest>=8,<10", "ruff>=0.9"]

setup(
    name="dmljax",
    version="0.1.0",
    description="DML-Net in JAX: pose-aware and identity-invariant facial expression recognition",
    python_requires=">=3.11",
    packages=[*find_packages(include=["dmljax", "dmljax.*"]), "dmljax.configs", "dmljax.launch"],
    package_dir={"dmljax": "dmljax", "dmljax.configs": "configs", "dmljax.launch": "launch"},
    install_requires=[
        "absl-py>=2.1,<3",
        "flax>=0.12,<0.13",
        "jax>=0.10,<0.12",
        "ml-collections>=1.0,<2",
        "numpy>=2.0,<3",
        "optax>=0.2.5,<0.3",
        "orbax-checkpoint>=0.11.30,<0.13",
        "pillow>=10.1",
        "tensorboardX>=2.6.2,<3",
        "tqdm>=4.66,<5",
    ],
    extras_require={
        "tensorflow": TENSORFLOW,
        "report": REPORT,
        "cluster": CLUSTER,
        "detect": DETECT,
        "beam": BEAM,
        "docs": DOCS,
        "test": TEST,
        "all": TENSORFLOW + REPORT + CLUSTER + DETECT + BEAM + DOCS + TEST,
    },
    entry_points={"console_scripts": ["dmljax = dmljax.launch.cli:main"]},
)

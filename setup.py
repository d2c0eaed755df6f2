"""Packaging: `configs`, `launch` and the guides are installed as parts of the package."""

import re
from pathlib import Path

from setuptools import find_packages, setup

HERE = Path(__file__).parent
VERSION = re.search(r'^__version__ = "(.+)"$', (HERE / "dmljax/__init__.py").read_text(), re.MULTILINE)[1]

# What losses, weightings, networks and a training from Python need.
CORE = [
    "flax>=0.12,<0.13",
    "jax>=0.10,<0.12",
    "ml-collections>=1.0,<2",
    "numpy>=2.0,<3",
    "optax>=0.2.7,<0.3",
    "pillow>=10.1",
    "pyyaml>=6",
    "scipy>=1.13",
    "tqdm>=4.66,<5",
]
# What some of the work needs besides; dmljax/extras.py tells a user which one is missing.
EXTRAS = {
    "cli": ["absl-py>=2.1,<3"],
    "checkpoints": ["orbax-checkpoint>=0.11.30,<0.13"],
    "tensorboard": ["tensorboardX>=2.6.2,<3"],
    "trackers": [
        "alembic>=1.13",
        "mlflow-skinny>=3.1,<4",
        "sqlalchemy>=2,<2.1",
        "trackio>=0.20,<1",
        "wandb>=0.20,<1",
    ],
    "tensorflow": [
        "tensorflow-cpu>=2.20,<3; platform_machine == 'x86_64'",
        "tensorflow>=2.20,<3; platform_machine != 'x86_64'",
        "tensorflow-datasets>=4.9.9,<5",
    ],
    "report": ["matplotlib>=3.9,<4", "scikit-learn>=1.5,<2", "scikit-image>=0.25"],
    "detect": ["opencv-python-headless>=4.8,<5", "dlib-bin>=19.24", "mtcnn>=1,<2"],
    "video": ["av>=14,<20"],
    "pandas": ["pandas>=2.2,<4"],
    "export": ["onnx>=1.17,<2", "onnxruntime>=1.20,<2", "safetensors>=0.5,<1"],
    "beam": ["apache-beam>=2.70,<3"],
    "cluster": ["submitit>=1.5,<2"],
    "sweep": ["optuna>=4.4,<6"],
    "demo": ["gradio>=6.17,<7"],  # from 6.17 on its page asks no other host for anything
    "examples": ["mlxtend>=0.23,<1", "river>=0.21,<1"],
    "docs": [
        "furo>=2024.8",
        "jupytext>=1.16,<2",
        "latex2mathml>=3.77",
        "myst-parser>=4",
        "sphinx>=8",
        "sphinx-copybutton>=0.5",
    ],
    "test": [
        "hypothesis>=6.100,<7",
        "jsonschema>=4.18,<5",
        "mypy>=1.15",
        "packaging>=24",
        "playwright>=1.45,<2",
        "pytest>=8,<10",
        "pytest-xdist>=3.6",
        "ruff>=0.9",
        "setuptools>=77",
    ],
}
APART = {  # for one kind of machine, or of storage
    "tpu": ["jax[tpu]"],
    "cuda": ["jax[cuda12]"],
    "buckets": ["fsspec>=2024.6", "gcsfs>=2024.6", "s3fs>=2024.6"],
}
EXTRAS["all"] = sorted({requirement for extra in EXTRAS.values() for requirement in extra})

# Parts of the package that lie beside it in a checkout.
ELSEWHERE = {"dmljax.configs": "configs", "dmljax.launch": "launch", "dmljax.guides": "docs/guides"}

setup(
    name="dmljax",
    version=VERSION,
    description="DML-Net in JAX: pose-aware and identity-invariant facial expression recognition",
    long_description=(HERE / "README.md").read_text(encoding="utf-8"),
    long_description_content_type="text/markdown",
    license_expression="Apache-2.0",
    license_files=["LICENSE"],
    keywords=[
        "facial expression recognition",
        "head pose",
        "metric learning",
        "multi-task learning",
        "loss weighting",
        "JAX",
        "Flax",
    ],
    classifiers=[
        "Development Status :: 4 - Beta",
        "Environment :: Console",
        "Intended Audience :: Science/Research",
        "Operating System :: POSIX",
        "Programming Language :: Python :: 3",
        "Programming Language :: Python :: 3 :: Only",
        "Topic :: Scientific/Engineering :: Artificial Intelligence",
        "Topic :: Scientific/Engineering :: Image Recognition",
        "Typing :: Typed",
    ],
    python_requires=">=3.11",
    packages=[*find_packages(include=["dmljax", "dmljax.*"]), *ELSEWHERE],
    package_dir={"dmljax": "dmljax", **ELSEWHERE},
    package_data={
        "dmljax": ["py.typed"],
        "dmljax.demo": ["page.css"],
        "dmljax.exports.page": ["*.html", "*.css", "*.mjs"],
        "dmljax.guides": ["*.md"],
        "dmljax.studies.published": ["*.csv"],
    },
    install_requires=CORE,
    extras_require=EXTRAS | APART,
    entry_points={"console_scripts": ["dmljax = dmljax.__main__:main"]},
)

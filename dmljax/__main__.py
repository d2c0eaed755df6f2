"""`python -m dmljax`, and the entry point of the `dmljax` command."""

from __future__ import annotations

import sys

from dmljax import extras
from dmljax.types import UserError


def main() -> None:
    """Runs the command line where its packages are installed; else one line says which extra brings them."""
    try:
        extras.require("cli", "absl", purpose="the command line")
    except UserError as error:
        sys.exit(f"dmljax: {error}")
    try:
        from dmljax.launch import cli
    except KeyboardInterrupt:
        sys.exit(130)
    cli.main()


if __name__ == "__main__":
    main()

"""The command line: one file a verb, which parses, calls and prints."""

from __future__ import annotations

import sys

from antialias._extras import require
from antialias._version import __version__

_VERBS = (
    *("demo", "inspect", "convert", "retrofit", "train", "evaluate", "compare", "report", "split", "bench"),
    "backends",
)


def main(arguments: list[str] | None = None) -> None:
    """Run `antialias VERB ...`; errors in what the user gave end with one line and exit code 2.

    Args:
        arguments: Words after the program's name; those of the process if `None`.
    """
    cyclopts = require("cyclopts", extra="cli")
    app = cyclopts.App(
        name="antialias",
        version=__version__,
        help="Find where a convolutional network aliases, fix it, prove it.",
        result_action="return_value",
    )
    for verb in _VERBS:
        app.command(f"antialias.cli._{verb}:{verb}", name=verb)
    try:
        app(arguments)
    except (ValueError, ImportError, OSError) as error:
        print(f"antialias: {error}", file=sys.stderr)
        raise SystemExit(2) from error
    except KeyboardInterrupt:
        print("antialias: interrupted", file=sys.stderr)
        raise SystemExit(130) from None

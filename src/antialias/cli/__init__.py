"""The command line: one file a verb, which parses, calls and prints.

A verb's file is imported when it runs, so that `antialias --help` starts at once. Flags that verbs share are in
`_options.py`, the file of `--config` in `_config_file.py`, the progress bar in `_progress.py`.
"""

from __future__ import annotations

import ast
import sys
import warnings
from pathlib import Path

from antialias._extras import require
from antialias._version import __version__

VERBS = (
    *("demo", "inspect", "diagnose", "convert", "retrofit", "mend", "flicker", "explore", "train", "evaluate"),
    *("compare", "report", "export", "split", "bench", "backends"),
)


def main(arguments: list[str] | None = None) -> None:
    """Run `antialias VERB ...`; errors in what the user gave end with one line and exit code 2.

    Warnings are a line each, without the place in the code that they come from.

    Args:
        arguments: Words after the program's name; those of the process if `None`.

    Raises:
        SystemExit: There was an error, or the user interrupted.
    """
    format_warning = warnings.formatwarning
    warnings.formatwarning = _format_warning
    try:
        cyclopts, _rich = (require(module, extra="cli") for module in ("cyclopts", "rich"))
        from ._config_file import read_config_file

        app = cyclopts.App(
            name="antialias",
            version=__version__,
            help="Find where a convolutional network aliases, fix it, prove it.",
            config=read_config_file,
            result_action="return_value",
        )
        for verb in VERBS:
            app.command(f"antialias.cli._{verb}:{verb}", name=verb, help=description(verb))
        try:
            app(arguments, exit_on_error=False, print_error=False)
        except cyclopts.CycloptsError as error:
            raise ValueError(" ".join(str(error).split())) from error
    except (ValueError, ImportError, OSError) as error:
        print(f"antialias: {error}", file=sys.stderr)
        raise SystemExit(2) from error
    except KeyboardInterrupt:
        print("antialias: interrupted", file=sys.stderr)
        raise SystemExit(130) from None
    finally:
        warnings.formatwarning = format_warning


def _format_warning(
    message: Warning | str, category: type[Warning], filename: str, lineno: int, line: str | None = None
) -> str:
    return f"antialias: {' '.join(str(message).split())}\n"


def description(verb: str) -> str:
    """Return what a verb says of itself, from its file, which is not imported for it.

    Example:
        >>> description("backends").splitlines()[0]
        'List the kernels of the adaptive filter, which one runs, and why the others do not.'
    """
    tree = ast.parse((Path(__file__).parent / f"_{verb}.py").read_text())
    function = next(node for node in tree.body if isinstance(node, ast.FunctionDef) and node.name == verb)
    return ast.get_docstring(function) or ""

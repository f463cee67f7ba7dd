"""The file that `--config` names, as flags that need not be given.

Cyclopts fills the flags from the settings. Its own source for TOML files, `cyclopts.config.Toml`, does that and reads
the file, too. But these files are read without a command line as well (`TrainConfig.read`), and must be read alike; and
it names no file where one is no TOML, passes every setting of a run to every verb that has a flag of that name, and
takes the table `[filter]` for an unknown flag.
"""

from __future__ import annotations

from dataclasses import fields
from pathlib import Path
from typing import Any

from cyclopts.config import Dict


def read_config_file(app: Any, commands: tuple[str, ...], arguments: Any) -> None:
    """Fill the flags that were not given from the TOML file that `--config` names: one of cyclopts' config sources.

    A table `[filter]` holds the flags of a filter; one of these on the command line replaces it as a whole. Of a file
    that says how to train, an evaluation takes on what networks are measured.

    Args:
        app: The verb's app.
        commands: The verb.
        arguments: Its flags, with the words that were given.

    Raises:
        FileNotFoundError: There is no such file.
        ValueError: It is no TOML, or names something that is no setting of a training run.
    """
    given = {argument.name: argument.tokens[0].value for argument in arguments if argument.tokens}
    if "--config" not in given:
        return
    from antialias.results import EvaluationConfig
    from antialias.tasks import read_settings

    from ._options import TrainedFilterOptions

    settings = read_settings(Path(given["--config"]))
    filter = settings.pop("filter", {})
    if "train" in commands:
        filter = {"filter": filter} if isinstance(filter, str) else filter
        flags = {f"--{field.name.replace('_', '-')}" for field in fields(TrainedFilterOptions)}
        if flags.isdisjoint(given):
            settings |= {name: str(value).lower() if name == "filter" else value for name, value in filter.items()}
    else:
        settings = {field.name: settings[field.name] for field in fields(EvaluationConfig) if field.name in settings}
    Dict(settings, source=given["--config"], use_commands_as_keys=False)(app, commands, arguments)

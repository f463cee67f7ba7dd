"""The verb `train`."""

from __future__ import annotations

from dataclasses import field, fields, make_dataclass
from pathlib import Path
from typing import Annotated, Any, get_type_hints

from cyclopts import Parameter

from antialias.tasks import TrainConfig, fit, is_main_process, read_settings

from ._options import TrainedFilterOptions
from ._progress import progress_bar

_ALIASES = {"num_nodes": "--nodes"}


def _settings() -> type:
    """Make a flag of each setting of a run: `None` is one that was not given."""
    hints = get_type_hints(TrainConfig)
    flags: list[Any] = []
    for setting in fields(TrainConfig):
        if setting.name not in ("task", "filter"):
            shown = Parameter(
                alias=_ALIASES.get(setting.name),
                consume_multiple=True,
                negative_iterable=(),
                show_default=_showing(setting.default),
            )
            flags.append((setting.name, Annotated[hints[setting.name] | None, shown], field(default=None)))
    about = {"__doc__": TrainConfig.__doc__, "__module__": __name__}
    return Parameter(name="*")(make_dataclass("Settings", flags, frozen=True, kw_only=True, namespace=about))


def _showing(default: Any) -> Any:
    return lambda _: default


Settings = _settings()


def train(
    task: str | None = None,
    /,
    *,
    config: Path | None = None,
    resume: bool = False,
    options: TrainedFilterOptions | None = None,
    settings: Settings | None = None,  # type: ignore[valid-type]
) -> None:
    """Train a network, with or without filters, and measure its accuracy and stability.

    Args:
        task: What is learnt: classification, semantic or instance.
        config: TOML file of settings, such as those in recipes; flags go before it.
        resume: Go on from last.ckpt in the folder.
        options: Which filter; one of these flags replaces the file's filter as a whole.
        settings: Everything else.
    """
    told = {"filter": TrainedFilterOptions().config_or_none()} if config is None else read_settings(config)
    if options is not None:
        told["filter"] = options.config_or_none()
    given = {name: value for name, value in vars(settings).items() if value is not None} if settings else {}
    made = TrainConfig.from_dict({**told, **given, **({} if task is None else {"task": task})})
    with progress_bar("Training") as progress:
        run = fit(made, resume=resume, progress=progress)
    if is_main_process():
        print(*run.scores.values(), sep="\n")
        print("Wrote", *run.files)

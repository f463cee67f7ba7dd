"""How much feature maps of a channel group resemble each other, for the page."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from torch import Tensor, nn

from antialias.metrics import FilterStatistics, Normalize, filter_statistics
from antialias.nn import AdaptiveBlurPool2d
from antialias.results import Column, Table

_COLUMNS = (
    Column(key="within", title="Within a group", unit="", digits=3),
    Column(key="between", title="Between groups", unit="", digits=3),
    Column(key="contrast", title="Difference", unit="", digits=3),
    Column(key="edges", title="With edges", unit="", digits=3, note="of the variance: below 0 blurs edges more"),
    Column(key="stopband", title="Lets alias", note="of noise above the limit"),
)


@dataclass(frozen=True, kw_only=True)
class Similarity:
    """Hold how much the filtered maps of a network resemble each other within channel groups and between them.

    Args:
        network: Its name.
        verdict: What was found, in a sentence.
        table: A row a site, with the columns `within`, `between` and `contrast` (mean correlations and their paired
            difference), `edges` (rank correlation of filter variance with the image's gradient) and `stopband`.
        chance: For each row, between which bounds 95 % of the differences lie if channels are dealt to groups at
            random; `None` where there is nothing to compare.
    """

    network: str
    verdict: str
    table: Table
    chance: tuple[tuple[float, float] | None, ...]

    @classmethod
    def of(cls, network: str, statistics: FilterStatistics) -> Similarity:
        """Take over what `antialias.filter_statistics` measured of a network.

        Args:
            network: What the page calls it.
            statistics: What was measured.
        """
        rows = {
            site.name: {
                key: site.scores[key] for key in ("within", "between", "edges", "stopband") if key in site.scores
            }
            | ({} if site.contrast is None else {"contrast": site.contrast})
            for site in statistics.sites
        }
        return cls(
            network=network,
            verdict=statistics.verdict,
            table=Table.of(_COLUMNS, rows),
            chance=tuple(None if site.contrast is None else site.chance for site in statistics.sites),
        )

    @property
    def resembles(self) -> tuple[bool | None, ...]:
        """For each row, whether maps of a group resemble each other more than others, beyond images and chance."""
        contrasts = [self.table.cell(row.network, "contrast") for row in self.table.rows]
        return tuple(
            None if bounds is None or cell.low is None else cell.low > max(bounds[1], 0)
            for cell, bounds in zip(contrasts, self.chance, strict=True)
        )


def similarities(
    networks: Mapping[str, nn.Module | object], images: Sequence[Tensor], *, normalize: Normalize = "model"
) -> tuple[Similarity, ...]:
    """Measure every network that has predicted filters.

    Args:
        networks: By the name that the page shows; those without predicted filters are left out.
        images: Pixels in [0, 1], `(N, 3, H, W)` each; two images or more.
        normalize: What the networks expect of pixels; see `antialias.metrics`.
    """
    return tuple(
        Similarity.of(name, filter_statistics(model, images, normalize=normalize))
        for name, model in networks.items()
        if isinstance(model, nn.Module) and any(isinstance(layer, AdaptiveBlurPool2d) for layer in model.modules())
    )

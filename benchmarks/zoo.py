"""Take a zoo of networks through a conversion and through the tools that people use after it.

    python benchmarks/zoo.py [--only PATTERN] [--again] [--processes 1]   # goes on where it stopped
    python benchmarks/zoo.py --choose                                     # benchmarks/zoo_networks.csv, once a release

The zoo is the smallest network of each family of timm (a module and the first word of a name in it), torchvision and
segmentation_models_pytorch, where that has less than 60 million parameters. All are untrained; norms, biases and layer
scales are drawn at random, so that an error shows. Raw outputs are compared; a detector's are those of its backbone and
of its heads, before any suppression. Inputs are small where the network takes them.

A row of `benchmarks/zoo.csv` is a network, written when it is finished; `docs/zoo.md` shows the table. The columns:

- sites, filtered, left: what `convert_` with adaptive filters, which start as identities, found and
  did, and why the others keep their stride;
- error, error at another size: `||after - before|| / ||before||` of that conversion, on the size of its example and on
  the size behind;
- reverted: whether the outputs are bit-identical after `revert_`;
- trains: whether one backward pass in training mode gives each filter finite gradients;
- compiled, sync batchnorm, reparameterised, fused: the same error between the converted network after a tool and
  before it. Here filters are drawn at random, so that a lost one shows. The tools: `torch.compile` with
  `backend="aot_eager"`; Lightning's `TorchSyncBatchNorm`, or timm's own for its norms that hold an activation;
  `timm.utils.reparameterize_model`; `torch.fx`'s `fuse`, or `torch.nn.utils.fusion` on pairs where nothing traces;
- export, onnx difference, int8: what `aa.export` fixed of the number and size of images, the largest relative
  difference of the ONNX file from the converted network (filters drawn at random) on the shapes that it compares, and
  that of an eight-bit file calibrated on eight images of noise, on another.

A cell that fails says why. Each network has a process of its own, so that a crash or a hang is a cell, not the end.
"""

from __future__ import annotations

import argparse
import copy
import csv
import io
import multiprocessing
import re
import sys
import tempfile
import time
import warnings
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from fnmatch import fnmatchcase
from functools import cached_property, partial
from itertools import pairwise
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils._pytree import tree_leaves

import antialias as aa
from antialias.nn import LAYERS
from antialias.runtimes import FORMATS
from antialias.runtimes._int8 import quantize
from antialias.runtimes._verify import compare
from antialias.surgery import convert_, input_size, replay_

OUT = Path(__file__).with_suffix(".csv")
NETWORKS = Path(__file__).with_name("zoo_networks.csv")
PAGE = Path(__file__).parents[1] / "docs" / "zoo.md"
MOST_PARAMETERS = 60e6
MARKS = ("<!-- written by benchmarks/zoo.py -->", "<!-- end -->")
SHOWN = (
    "network", "size", "sites", "filtered", "left", "error", "another", "reverted", "trains", "sync", "reparam.",
    "fused", "compiled", "export", "onnx difference", "int8",
)  # fmt: skip
FILTER = aa.Adaptive()
LARGEST_ERROR = 1e-3  # of filters whose centre tap holds 0.999
SAME = 1e-4  # bar of the tools: folding norms into convolutions rounds otherwise

#: Networks that tests/surgery takes through the ten promises.
ZOO = (
    "torchvision:alexnet",
    "torchvision:vgg16_bn",
    "torchvision:resnet18",
    "torchvision:resnet50",
    "torchvision:resnext50_32x4d",
    "torchvision:densenet121",
    "torchvision:googlenet",
    "torchvision:mobilenet_v2",
    "torchvision:mobilenet_v3_small",
    "torchvision:efficientnet_b0",
    "torchvision:regnet_y_400mf",
    "torchvision:convnext_tiny",
    "torchvision:deeplabv3_resnet50",
    "torchvision:maskrcnn_resnet50_fpn",
    "timm:resnet50",
    "timm:tf_efficientnet_lite0",
    "timm:convnext_atto",
    "timm:regnety_004",
    "timm:resnetv2_50",
    "timm:hrnet_w18_small",
    "timm:cspdarknet53",
    "timm:res2net50_26w_4s",
    "timm:mobilenetv4_conv_small",
    "smp:Unet",
    "smp:DeepLabV3Plus",
    "antialias:TinyUNet",
)

#: Networks that upsample by transposed convolutions, or by repeating samples, which tests/surgery filters there.
UPSAMPLING = ("antialias:TinyUNet", "antialias:TinyGenerator", "smp:Unet:resnet18")


def network(name: str, seed: int = 0) -> nn.Module:
    """Build a network of the zoo, with all that starts as a constant, such as norms, drawn at random."""
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        model = aa.models.build(name).eval()
        draw_(model)
    return small_detector_(model) if hasattr(model, "transform") else model


@torch.no_grad()
def draw_(model: nn.Module) -> None:
    """Draw statistics of norms and each parameter that is a constant, as weights of norms and layer scales are."""
    for name, tensor in (*model.named_parameters(), *model.named_buffers()):
        kind = name.rpartition(".")[2]
        if kind == "running_mean":
            tensor.normal_(0, 0.1)
        elif kind == "running_var":
            tensor.uniform_(0.5, 1.5)
        elif isinstance(tensor, nn.Parameter) and tensor.numel() > 1 and tensor.min() == tensor.max():
            tensor.normal_(0, 0.1) if tensor.max() == 0 else tensor.uniform_(0.5, 1.5)


def small_detector_(model: Any) -> nn.Module:
    """Let a detector work on small images and few boxes."""
    model.transform.min_size, model.transform.max_size = (64,), 96
    if hasattr(model, "rpn"):
        model.rpn._post_nms_top_n = {"training": 8, "testing": 8}
        model.roi_heads.detections_per_img = 2
    return model


def images(name: str, batch: int = 1, seed: int = 0) -> Tensor:
    """Make noise of an odd size, or of the nearest that the network takes."""
    if name == "antialias:TinyGenerator":
        return noise((6, 8), batch, seed, channels=64)
    height, width = (64, 96) if name.startswith(("smp:", "timm:hrnet", "antialias:TinyUNet")) else (75, 93)
    return noise((height, width), batch, seed)


def noise(size: tuple[int, int], batch: int = 1, seed: int = 0, channels: int = 3) -> Tensor:
    """Make noise of shape `(batch, channels, *size)`."""
    return torch.randn(batch, channels, *size, generator=torch.Generator().manual_seed(seed))


@torch.no_grad()
def raw_outputs(model: Any, x: Tensor) -> list[Tensor]:
    """Return what a network computes before any decision: logits, maps, or a detector's features and proposals."""
    if hasattr(model, "transform"):
        features = list(model.backbone(x).values())
        head = model.rpn.head if hasattr(model, "rpn") else model.head
        return [*features, *tree_leaves(head(features))]
    return [leaf for leaf in tree_leaves(model(x)) if isinstance(leaf, Tensor)]


def relative_error(after: list[Tensor], before: list[Tensor]) -> float:
    """Return the largest `||after - before|| / ||before||` of all outputs."""
    return max(((a - b).norm() / b.norm()).item() for a, b in zip(after, before, strict=True))


def example(model: nn.Module, x: Tensor) -> list[Tensor] | Tensor:
    """Return `x` as the network takes it."""
    return list(x) if hasattr(model, "transform") else x


@dataclass
class Case:
    """A network on its way through the columns.

    Attributes:
        name: The network.
    """

    name: str

    @cached_property
    def plain(self) -> nn.Module:
        """The network before its conversion."""
        return network(self.name)

    @cached_property
    def sizes(self) -> list[tuple[int, int]]:
        """The smallest size that the network takes, and another one, odd if it takes that."""
        first = next(filter(self._takes, [(64, 96), (128, 160), (224, 224), (256, 256), self.own_size]), None)
        if first is None:
            raws = raw_outputs(self.plain, noise(self.own_size))
            raise ValueError(f"outputs for {self.own_size} are not finite: {[tuple(t.shape) for t in raws]}")
        rows, columns = first
        others = [(rows + 11, columns - 3), (rows + 32, columns), (rows + 64, columns + 64), (2 * rows, 2 * columns)]
        return [first, *list(filter(self._takes, others))[:1]]

    @property
    def own_size(self) -> tuple[int, int]:
        """Height and width that the network names, or an ImageNet network's."""
        _, height, width = input_size(self.plain) or (3, 299, 299)
        return height, width

    def _takes(self, size: tuple[int, int]) -> bool:
        try:
            return all(t.isfinite().all() and t.norm() > 0 for t in raw_outputs(self.plain, noise(size)))
        except Exception:
            return False

    @property
    def inputs(self) -> list[Tensor]:
        """Noise of each size."""
        return [noise(size) for size in self.sizes]

    def convert(self) -> aa.Conversion:
        """Convert a copy of the network, with filters that start as identities."""
        model = copy.deepcopy(self.plain)
        return convert_(model, FILTER, example=example(model, self.inputs[0]))

    @cached_property
    def drawn(self) -> nn.Module:
        """The converted network with filters that are no identities."""
        record, model = self.convert().to_dict(), copy.deepcopy(self.plain)
        record["steps"][0]["filter"] = replace(FILTER, init="paper").to_dict()
        with torch.random.fork_rng():
            torch.manual_seed(0)
            for layer in replay_(model, record).filters().values():
                draw_(layer)
        return model


def described(case: Case) -> Iterator[str]:
    """Say how large the network is, and on which sizes it is tried."""
    yield f"{sum(p.numel() for p in case.plain.parameters()) / 1e6:.1f} M"
    yield " ".join("x".join(map(str, size)) for size in case.sizes)


def inspected(case: Case) -> Iterator[str]:
    """Say what was found, and why some of it keeps its stride."""
    model = copy.deepcopy(case.plain)
    plan = aa.inspect(model, example(model, case.inputs[0]), FILTER)
    yield str(len(plan.sites))
    yield str(len(plan.changed))
    reasons = Counter(_without_folder(site.reason) for site in plan.skipped)
    yield "; ".join(f"{count} {reason}" for reason, count in reasons.most_common()) or "none"


def identity(case: Case) -> Iterator[str]:
    """Compare the outputs before and after a conversion with identities, at both sizes, and after reverting it."""
    before = [raw_outputs(case.plain, x) for x in case.inputs]
    done = case.convert()
    for x, outputs in zip(case.inputs, before, strict=True):
        error = relative_error(raw_outputs(done.model, x), outputs)
        yield f"{error:.0e}" + ("" if error <= LARGEST_ERROR else f", {_with_one_tap(case, x, outputs)}")
    if len(before) == 1:
        yield f"takes {case.sizes[0][0]}x{case.sizes[0][1]} only"
    same = [torch.equal(a, b) for a, b in zip(raw_outputs(done.revert_(), case.inputs[0]), before[0], strict=True)]
    yield "yes" if all(same) else "no"


def _with_one_tap(case: Case, x: Tensor, outputs: list[Tensor]) -> str:
    """Say what is left of an error where filters are exact identities, and how the network magnifies rounding."""
    model = copy.deepcopy(case.plain)
    convert_(model, aa.Fixed(kernel_size=1), example=example(model, case.inputs[0]))
    error = relative_error(raw_outputs(model, x), outputs)
    rounded = relative_error(raw_outputs(case.plain, x * (1 + 1e-5 * torch.randn_like(x))), outputs)
    return f"{error:.0e} with one tap; noise of 1e-5 on the input gives {rounded:.0e}"


def trained(case: Case) -> Iterator[str]:
    """Run one backward pass in training mode, on the network's own size if auxiliary heads do not take the smallest."""
    try:
        filters = _after_backward(case, case.sizes[0])
    except RuntimeError:
        filters = _after_backward(case, case.own_size)
    without = [
        name
        for name, layer in filters.items()
        if not all(p.grad is not None and p.grad.isfinite().all() for p in layer.parameters())
    ]
    yield f"not {', '.join(without)}" if without else f"all {len(filters)}"


def _after_backward(case: Case, size: tuple[int, int]) -> dict[str, nn.Module]:
    done = case.convert()
    model, x = done.model.train(), noise(size, batch=2)
    if hasattr(model, "transform"):
        boxes, masks = torch.tensor([[8.0, 8, 40, 50]]), torch.ones(1, *size, dtype=torch.uint8)
        target = {"boxes": boxes, "labels": torch.tensor([1]), "masks": masks, "keypoints": torch.ones(1, 17, 3)}
        outputs = list(model(list(x), [target, target]).values())
    else:
        outputs = [leaf for leaf in tree_leaves(model(x)) if isinstance(leaf, Tensor) and leaf.requires_grad]
    sum(output.square().mean() for output in outputs).backward()
    return done.filters()


def synced(case: Case) -> Iterator[str]:
    """Put synchronised norms where the others are, and count the filters that run."""
    from lightning.pytorch.plugins.layer_sync import TorchSyncBatchNorm
    from timm.layers import BatchNormAct2d, convert_sync_batchnorm

    if not any(isinstance(module, nn.BatchNorm2d) for module in case.plain.modules()):
        yield "no batch norm"
        return
    holds_activations = any(isinstance(module, BatchNormAct2d) for module in case.plain.modules())
    yield _through(convert_sync_batchnorm if holds_activations else TorchSyncBatchNorm().apply, case, count=True)


def reparameterised(case: Case) -> Iterator[str]:
    """Bring the network into its deployment form."""
    from timm.utils import reparameterize_model

    names = ("reparameterize", "fuse", "switch_to_deploy")
    if not any(hasattr(module, name) for module in case.plain.modules() for name in names):
        yield "no such form"
    else:
        yield _through(reparameterize_model, case)


def fused(case: Case) -> Iterator[str]:
    """Fold norms into convolutions: along the trace, or in pairs of neighbours where the network does not trace."""
    from torch.fx.experimental.optimization import fuse

    if not any(isinstance(module, nn.BatchNorm2d) for module in case.plain.modules()):
        yield "no batch norm"
        return
    try:
        fuse(case.plain)
    except Exception:
        yield f"pairs {_through(fuse_pairs_, case)}"
    else:
        yield f"fx {_through(fuse, case)}"


def fuse_pairs_(model: nn.Module) -> nn.Module:
    """Fold each norm that is registered next to a convolution of as many channels into it."""
    for parent in list(model.modules()):
        children = list(parent.named_children())
        for (name, conv), (name_of_norm, norm) in pairwise(children):
            plain = type(conv) is nn.Conv2d and type(norm) is nn.BatchNorm2d
            if plain and conv.out_channels == norm.num_features and not isinstance(parent, LAYERS):
                setattr(parent, name, nn.utils.fuse_conv_bn_eval(conv, norm))
                setattr(parent, name_of_norm, nn.Identity())
    return model


def exported(case: Case) -> Iterator[str]:
    """Write the converted network for ONNX Runtime, say what may vary and how far it is, and what eight bits add."""
    with tempfile.TemporaryDirectory() as folder:
        file, x = Path(folder) / "network.onnx", case.inputs[0]
        try:
            done = aa.export(case.drawn, file, example=x)
        except ValueError as error:
            said = _brief(error)
            try:
                aa.export(case.plain, file, example=x)
            except ValueError:
                said = f"not even the plain network: {said}"
            yield said
            return
        yield f"fixed {', '.join(done.fixed)}" if done.fixed else "any size"
        yield f"{done.difference:.0e}"
        quantize(file, eight := Path(folder) / "eight.onnx", [noise(case.sizes[0], seed=seed) for seed in range(1, 9)])
        yield f"{compare(case.drawn, FORMATS['onnx'].load(eight), x, (1, *case.sizes[0])).relative:.0e}"


def compiled(case: Case) -> Iterator[str]:
    """Compile, without code generation."""
    yield _through(
        lambda model: torch.compile(partial(raw_outputs, model), backend="aot_eager", dynamic=False), case, call=True
    )


def _through(tool: Callable[[Any], Any], case: Case, *, call: bool = False, count: bool = False) -> str:
    """Take the converted network through a tool, the plain one too where that fails, and say what became of it."""

    def error_of(model: nn.Module) -> float:
        before = raw_outputs(model, case.inputs[0])
        after = tool(copy.deepcopy(model))
        outputs = after(case.inputs[0]) if call else raw_outputs(after.eval(), case.inputs[0])
        return relative_error(outputs, before)

    try:
        error = error_of(case.drawn)
        said = f"{error:.0e}"
        failed = not error <= SAME
    except Exception as exception:
        said, failed = _brief(exception), True
    if failed:
        try:
            failed = error_of(case.plain) <= SAME
            said += "" if failed else " (so does the plain network)"
        except Exception as exception:
            said = f"not even the plain network: {_brief(exception)}"
    return said


def _brief(error: BaseException) -> str:
    message = next((line.strip() for line in str(error).splitlines() if line.strip()), "")
    return _without_folder(f"{type(error).__name__}: {message}")[:160]


def _without_folder(text: str) -> str:
    return re.sub(r"\S*/site-packages/", "", text)


STEPS: tuple[tuple[Callable[[Case], Iterator[str]], tuple[str, ...]], ...] = (
    (described, ("parameters", "size")),
    (inspected, ("sites", "filtered", "left")),
    (identity, ("error", "error at another size", "reverted")),
    (trained, ("trains",)),
    (synced, ("sync batchnorm",)),
    (reparameterised, ("reparameterised",)),
    (fused, ("fused",)),
    (exported, ("export", "onnx difference", "int8")),
    (compiled, ("compiled",)),  # last, since it takes most of the time
)
HEADER = ("network", *(column for _, columns in STEPS for column in columns), "seconds")


def measure(name: str, steps: slice, pipe: Connection) -> None:
    """Take a network through some steps and send the cells of each as soon as they are known."""
    warnings.simplefilter("ignore")
    sys.stderr = io.StringIO()  # torch.fx prints generated code beside its errors
    torch.set_num_threads(1)
    case = Case(name)
    for step, columns in STEPS[steps]:
        cells: dict[str, str] = {}
        try:
            cells.update(zip(columns, step(case), strict=False))
        except Exception as error:
            cells[columns[len(cells)]] = _brief(error)
        pipe.send(cells)
    pipe.close()


def steps_done(cells: dict[str, str]) -> int:
    """Return how many steps a row has behind it: all, where one of the first three failed or nothing was filtered."""
    for number, (step, columns) in enumerate(STEPS):
        if not cells.get(columns[0]):
            return number
        if step in (described, inspected, identity) and (not cells.get(columns[-1]) or cells.get("filtered") == "0"):
            break
    return len(STEPS)


def complete(cells: dict[str, str], last: int = len(STEPS), limit: float = 300.0) -> dict[str, str]:
    """Measure the cells of a row that are missing, in processes of their own.

    A step that crashes or takes too long costs its process; another process goes on behind it.

    Args:
        cells: The row so far: the network's name at least.
        last: How many of the steps to take.
        limit: Seconds for each step.
    """
    began, cells = time.monotonic(), dict(cells)
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["antialias.models", "timm", "segmentation_models_pytorch", "torch._dynamo"])
    while (done := steps_done(cells)) < last:
        ours, theirs = context.Pipe(duplex=False)
        process = context.Process(target=measure, args=(cells["network"], slice(done, last), theirs))
        process.start()
        theirs.close()
        why = ""
        while not why and (done := steps_done(cells)) < last:
            try:
                why = "" if ours.poll(limit) else f"more than {limit:.0f} s"
                cells.update(ours.recv() if not why else {})
            except EOFError:
                process.join()
                why = f"the process died: exit code {process.exitcode}"
        process.kill()
        process.join()
        if why:
            cells[STEPS[done][1][0]] = why
    seconds = float(cells.get("seconds") or 0) + time.monotonic() - began
    return cells | {"seconds": f"{seconds:.0f}"}


def choose() -> Iterator[dict[str, str]]:
    """List the smallest network of each family, counting parameters without memory for them."""
    smallest: dict[tuple[str, str], tuple[int, int, str]] = {}
    for family, name in _candidates():
        try:
            count = _parameters(name)
        except Exception as error:
            print(f"{name}: {_brief(error)}")
        else:
            ranked = (count, len(name), name)
            smallest[family] = min(smallest.get(family, ranked), ranked)
    for (library, word), (count, _, name) in smallest.items():
        if count < MOST_PARAMETERS:
            yield {"network": name, "family": f"{library} {word}", "parameters": str(count)}


def _parameters(name: str) -> int:
    import torchvision

    library, _, rest = name.partition(":")
    if library == "torchvision":
        return torchvision.models.get_model_weights(rest).DEFAULT.meta["num_params"]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            with torch.device("meta"):
                model = aa.models.build(name)
        except (NotImplementedError, RuntimeError):
            model = aa.models.build(name)  # it computes with values while it is built
    return sum(p.numel() for p in model.parameters())


def _candidates() -> Iterator[tuple[tuple[str, str], str]]:
    import segmentation_models_pytorch as smp
    import timm
    import torchvision
    from timm.models import _registry

    for name in timm.list_models():
        if not name.startswith("test_"):  # toys for timm's own tests
            yield ("timm." + _registry._model_to_module[name], _family(name)), f"timm:{name}"
    for name in torchvision.models.list_models(torchvision.models):
        yield ("torchvision", _family(name)), f"torchvision:{name}"
    for name in torchvision.models.list_models(torchvision.models.segmentation):
        yield ("torchvision.segmentation", name), f"torchvision:{name}"
    for name in torchvision.models.list_models(torchvision.models.detection):
        yield ("torchvision.detection", name), f"torchvision:{name}"
    for name in (*smp.encoders.encoders, "tu-resnet18"):
        yield ("smp.encoders", _family(name)), f"smp:Unet:{name}"
    for architecture in smp.MODEL_ARCHITECTURES_MAPPING.values():
        if architecture is not smp.Unet:
            yield ("smp", architecture.__name__), f"smp:{architecture.__name__}:resnet18"


def _family(name: str) -> str:
    """Return the first word of a network's name, with a version."""
    match = re.match(r"(?:tf_|legacy_)?([a-z]+?(_?v\d|_[xy](?=_\d))?(?=[_\d]|$))", name)
    return match[1] if match else re.split(r"-?\d", name)[0]


def table(rows: Sequence[dict[str, str]]) -> str:
    """Return the table as Markdown, a library at a time; reasons are cut to what stands before their colon."""
    lines = []
    for library in ("timm", "torchvision", "smp"):
        lines += [f"\n## {library}\n", f"| {' | '.join(SHOWN)} |", "|---" * len(SHOWN) + "|"]
        for cells in rows:
            if cells["network"].startswith(f"{library}:"):
                shown = cells | {
                    "network": cells["network"].removeprefix(f"{library}:"),
                    "left": ", ".join(reason.partition(":")[0] for reason in re.split(r"; (?=\d)", cells["left"])),
                    "another": cells["error at another size"],
                    "sync": cells["sync batchnorm"],
                    "reparam.": cells["reparameterised"],
                }
                lines.append(f"| {' | '.join((shown.get(column) or '-').replace('|', '/') for column in SHOWN)} |")
    return "\n".join(lines).strip()


def read(path: Path) -> list[dict[str, str]]:
    """Read a table; none is there before the first row."""
    if not path.exists():
        return []
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


def write(path: Path, rows: Sequence[dict[str, str]], header: Sequence[str] = HEADER) -> None:
    """Write a table, sorted by the network's name."""
    with path.open("w", newline="") as file:
        writer = csv.DictWriter(file, header, restval="", lineterminator="\n")
        writer.writeheader()
        writer.writerows(sorted(rows, key=lambda cells: cells["network"]))


def show(rows: Sequence[dict[str, str]], page: Path = PAGE) -> None:
    """Put the table where the page has the last one."""
    text = page.read_text()
    start, end = text.index(MARKS[0]) + len(MARKS[0]), text.index(MARKS[1])
    page.write_text(f"{text[:start]}\n\n{table(rows)}\n\n{text[end:]}")


def main() -> None:
    """Measure what is missing, and write the table after each network."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", nargs="+", default=["*"], help="networks whose names match, such as 'timm:rep*'")
    parser.add_argument("--again", action="store_true", help="measure networks that have a row anew")
    parser.add_argument("--processes", type=int, default=1, help="networks at a time")
    parser.add_argument(
        "--quick", action="store_true", help="leave exports and compilation, most of the time, to others"
    )
    parser.add_argument("--export", action="store_true", help="leave compilation to another call")
    parser.add_argument("--limit", type=float, default=300.0, help="seconds for a step")
    parser.add_argument("--out", type=Path, default=OUT)
    parser.add_argument("--choose", action="store_true", help="choose the networks anew")
    options = parser.parse_args()
    if options.choose:
        write(NETWORKS, list(choose()), ("network", "family", "parameters"))
        return
    rows = {cells["network"]: cells for cells in read(options.out)}
    names = [cells["network"] for cells in read(NETWORKS)]
    names = [name for name in names if any(fnmatchcase(name, pattern) for pattern in options.only)]
    wanted = [{"network": name} if options.again else rows.get(name, {"network": name}) for name in names]
    last = len(STEPS) - (2 if options.quick else 1 if options.export else 0)
    with ThreadPoolExecutor(options.processes) as pool:
        missing = [cells for cells in wanted if steps_done(cells) < last]
        for cells in pool.map(partial(complete, last=last, limit=options.limit), missing):
            rows[cells["network"]] = cells
            write(options.out, list(rows.values()))
            print(*(f"{key} {value}" for key, value in cells.items()), sep=", ", flush=True)
    if options.out == OUT:
        show(read(OUT))


if __name__ == "__main__":
    main()

"""Faults while work runs: kills, full and read-only disks, lost processes, torn files. What is left of the work?

    python benchmarks/faults.py             # as root on Linux, for its small disks; goes on where it stopped
    python benchmarks/faults.py training "full disk" --most 3    # rows of these works and faults, so many trials each

A row of `benchmarks/faults.csv` is a fault tried on a work. Everything runs in forked processes, at moments drawn from
a seed. After a fault the same work is started again, as a user would, on a disk that is whole again. *Survived*: the
fault did not stop it, or it was killed, and in the end weights or scores are bit-equal to those of an undisturbed run.
*Stopped*: it ended with a line that names cause and what to do, and started again it ends bit-equal; or what it was
given is refused for good, such as weights that are no numbers. *Lost*: all else. A fault that found nothing to harm
counts as not tried.
"""

from __future__ import annotations

import csv
import multiprocessing
import os
import random
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import traceback
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch

import antialias as aa
from antialias.data import open_data
from antialias.mend import MendConfig
from antialias.models import TinyResNet
from antialias.results import Evaluation
from antialias.retrofit import RetrofitConfig
from antialias.tasks import TrainConfig, evaluate, fit, is_main_process, process_group, task_named
from antialias.tasks._task import _TASKS
from antialias.tasks.training import _callbacks, _lightning, _run  # noqa: F401  (before the forks)

OUT = Path(__file__).with_suffix(".csv")
FIX = re.compile(r"\b(Use|Check|Write|Make|Remove|Wait|Copy|Start|Go on|Put|See|use a|let pass)\b")
CONFIG = TrainConfig(
    epochs=2,
    batch_size=8,
    size=40,
    window=32,
    train_length=64,
    test_length=12,
    accelerator="cpu",
    devices=1,
    checkpoint_every=2,
    ema=0.9,
    timeout=4,
    model="faults_networks:small",
    filter=aa.Fixed(),
)
Work = Callable[[Path, dict[str, Any]], None]


def small(num_classes: int = 20) -> torch.nn.Module:
    """A network that draws random numbers while it trains, and has running statistics."""
    nn = torch.nn
    stem = nn.Sequential(nn.Conv2d(3, 8, 3, 2), nn.BatchNorm2d(8), nn.ReLU(), nn.Conv2d(8, 8, 3, 2), nn.Dropout(0.5))
    return torch.nn.Sequential(stem, torch.nn.AdaptiveAvgPool2d(1), torch.nn.Flatten(), torch.nn.Linear(8, num_classes))


sys.modules["faults_networks"] = sys.modules[__name__]
_run.cost_of = lambda *_: None  # type: ignore[assignment]  # times are no part of this


def images() -> torch.Tensor:
    return open_data("scenes", "train", size=40, length=96).labelled(torch.arange(96))[0].float() / 255


def net(seed: int = 0) -> torch.nn.Module:
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        return TinyResNet().eval()


def spoilt(model: torch.nn.Module, how: dict[str, Any]) -> torch.nn.Module:
    if "weights" in how:
        with torch.no_grad():
            next(model.parameters())[0] = how["weights"]
    return model


def training(folder: Path, how: dict[str, Any]) -> None:
    out = folder / "run"
    config = replace(CONFIG, out=str(out), **how.get("config", {}))
    if (out / "config.toml").exists() and "config" not in how:  # as --config does
        config = replace(TrainConfig.read(out / "config.toml"), out=str(out))
    fit(config, resume=how.get("resume", (out / "last.ckpt").exists()), progress=how.get("progress"))


def evaluation(folder: Path, how: dict[str, Any]) -> None:
    _TASKS["classification"] = replace(task_named("classification"), part=4)
    model = spoilt(net(), how)
    with process_group("cpu", timeout=4):
        scores = evaluate(model, CONFIG, partial=folder / "partial", progress=how.get("progress"))
        if is_main_process():
            Evaluation(model="tiny", config=CONFIG.evaluation, scores=scores).write(folder / "scores.json")


def retrofit(folder: Path, how: dict[str, Any]) -> None:
    model = spoilt(net(), how)
    aa.convert_(model, aa.Adaptive(groups=4), example=torch.rand(1, 3, 32, 32))
    config = RetrofitConfig(
        steps=12, batch_size=8, evaluate_every=3, shifts=2, passes=1, margin=0.1, **how.get("retrofit", {})
    )
    done = aa.retrofit_(model, images(), config=config, checkpoint=folder / "run.pt", progress=how.get("progress"))
    if done.stopped:
        print(f"{done.stopped}. The network is as it was: use it.", file=sys.stderr)
        raise SystemExit(3)
    aa.save(model, folder / "model.safetensors")


def mend(folder: Path, how: dict[str, Any]) -> None:
    model = spoilt(net(), how)
    learns = RetrofitConfig(steps=4, batch_size=8, evaluate_every=2, shifts=2, passes=1)
    config = MendConfig(
        retrofit=learns, most=2, keep=2, shifts=2, passes=1, phases=(2,), shift_copies=1, copies=(2,), confirm=1
    )
    done = aa.mend_(
        model,
        images()[:96],
        budget=1.4,
        margin=0.5,
        checkpoint=folder / "mending",
        config=config,
        progress=how.get("progress"),
    )
    aa.save(model, folder / "model.safetensors")
    from antialias._files import write_whole

    write_whole(
        folder / "table.txt", "\n".join(f"{t.name} {[(n, s.value) for n, s in t.scores.items()]}" for t in done.table)
    )


def save(folder: Path, how: dict[str, Any]) -> None:
    for _ in range(10):
        for seed in (1, 0):
            aa.save(spoilt(net(seed), how), folder / "model.safetensors")


def export(folder: Path, how: dict[str, Any]) -> None:
    aa.export(spoilt(net(), how), folder / "net.pt2", to="program", example=torch.rand(1, 3, 32, 32), dynamic=False)


WORKS: dict[str, Work] = {work.__name__: work for work in (training, evaluation, retrofit, mend, save, export)}


def result_of(folder: Path) -> dict[str, Any]:
    """Return what a work made: tensors, scores, answers."""
    made: dict[str, Any] = {}
    for name in ("run/model.safetensors", "model.safetensors", "table.txt"):
        if (folder / name).exists():
            made[name] = (folder / name).read_bytes()
    for name in ("run/scores.json", "scores.json"):
        if (folder / name).exists():
            scores = Evaluation.read(folder / name).scores
            made[name] = {key: (s.value, s.per_image.nan_to_num(-1).tolist()) for key, s in scores.items()}
    if (folder / "net.pt2").exists():
        program = torch.export.load(folder / "net.pt2").module()
        made["net.pt2"] = program(torch.rand(1, 3, 32, 32, generator=torch.Generator().manual_seed(0))).tolist()
    return made


class Run:
    """A work in a process of its own.

    Args:
        work: What it does.
        folder: Where.
        how: Changes to it.
        rank: Its number, and of how many, where they work together.
    """

    def __init__(
        self, work: Work, folder: Path, how: dict[str, Any] | None = None, rank: dict[str, str] | None = None
    ) -> None:
        self.log = Path(tempfile.mkstemp(prefix="said-", dir=LOGS)[1])

        def start() -> None:
            with self.log.open("w", buffering=1) as log:
                os.dup2(log.fileno(), 2)
                os.dup2(log.fileno(), 1)
                sys.stderr = sys.stdout = log
                os.environ.update(rank or {})
                warnings.simplefilter("ignore")
                warnings.filterwarnings("default", message=".* was trained with")
                warnings.formatwarning = lambda message, *_: f"warning: {message}\n"
                with suppress(KeyError):
                    (how or {})["before"]()
                try:
                    work(folder, how or {})
                except (ValueError, ImportError, OSError) as error:  # as the command line does
                    print(f"antialias: {error}", file=sys.stderr)
                    os._exit(2)
                except SystemExit as error:
                    os._exit(int(error.code or 0))
                except BaseException:
                    traceback.print_exc()
                    os._exit(1)

        self.process = multiprocessing.get_context("fork").Process(target=start)
        self.process.start()

    def end(self, timeout: float = 90) -> int | None:
        self.process.join(timeout)
        code = self.process.exitcode
        if code is None:
            self.kill()
        return code

    def kill(self, how: signal.Signals = signal.SIGKILL) -> None:
        with suppress(ProcessLookupError):
            os.kill(self.process.pid or 0, how)
        if how == signal.SIGKILL:
            self.process.join()

    @property
    def said(self) -> str:
        lines = [line for line in self.log.read_text(errors="replace").splitlines() if line.strip()]
        return lines[-1] if lines else ""


def after(work: str, folder: Path, code: int | None, said: str, how: dict[str, Any] | None = None) -> tuple[str, str]:
    """Judge a run that ended, and what it is when it is started again.

    Returns:
        `survived`, `stopped` or `lost`, and what was said.
    """
    if code == 0 and result_of(folder) == WHOLE[work]:
        return "survived", ""
    named = code in (2, 3) and bool(FIX.search(said)) and "Traceback" not in said
    if code != -signal.SIGKILL and not named:
        return "lost", f"exit {code}: {said}"
    again = Run(WORKS[work], folder, how)
    if again.end() == 0 and result_of(folder) == WHOLE[work]:
        return ("stopped", said) if code > 0 else ("survived", "")
    return "lost", f"again {again.process.exitcode}: {again.said}"


@contextmanager
def folder_for(work: str) -> Iterator[Path]:
    folder = Path(tempfile.mkdtemp(prefix=f"{work}-", dir=SCRATCH))
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def disk(size: str) -> Iterator[Path]:
    """A small disk of its own."""
    place = Path(tempfile.mkdtemp(prefix="disk-", dir=SCRATCH))
    subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", place], check=True)
    try:
        yield place
    finally:
        subprocess.run(["umount", "-l", place], check=True)


def remount(place: Path, options: str) -> None:
    subprocess.run(["mount", "-o", f"remount,{options}", place], check=True)


def started(work: str, folder: Path) -> None:
    """Let a work run until half of its time is over, and kill it."""
    run = Run(WORKS[work], folder)
    run.process.join(0.5 * SECONDS[work])
    run.kill()


Outcome = tuple[str, str]


def killed(work: str, rng: random.Random) -> Outcome:
    with folder_for(work) as folder:
        run = Run(WORKS[work], folder)
        run.process.join(rng.uniform(0, 1.05 * SECONDS[work]))
        run.kill()
        verdict = after(work, folder, run.process.exitcode, run.said)
        parts = [str(path.name) for path in folder.rglob("*") if path.suffix in (".part", ".lock")]
        return verdict if not parts or verdict[0] != "survived" else ("lost", f"left {parts}")


def killed_in_a_write(work: str, rng: random.Random) -> Outcome:
    count, share = rng.randrange(1, 9), rng.random()

    def before() -> None:
        whole, calls = torch.save, []

        def dying(values: Any, file: Any) -> None:
            calls.append(1)
            whole(values, file)
            if len(calls) == count:
                file.flush()
                os.ftruncate(file.fileno(), int(share * file.tell()))
                os.kill(os.getpid(), signal.SIGKILL)

        torch.save = dying

    with folder_for(work) as folder:
        run = Run(WORKS[work], folder, {"before": before})
        code = run.end()
        return after(work, folder, code, run.said)


def killed_in_validation(work: str, rng: random.Random) -> Outcome:
    count = rng.randrange(1, 7)

    def before() -> None:
        whole, calls = _lightning.TrainingModule.validation_step, []

        def dying(self: Any, *batch: Any) -> None:
            calls.append(1)
            if len(calls) == count:
                os.kill(os.getpid(), signal.SIGKILL)
            whole(self, *batch)

        _lightning.TrainingModule.validation_step = dying

    with folder_for(work) as folder:
        run = Run(WORKS[work], folder, {"before": before})
        return after(work, folder, run.end(), run.said)


def full_disk(work: str, rng: random.Random) -> Outcome:
    """Room for a share of what the work writes; where that sufficed, for less and in the end for none."""
    with disk("64m") as place:
        Run(WORKS[work], place).end()
        used = shutil.disk_usage(place).used
    share = rng.uniform(0, 0.9)
    while True:
        with disk("64m") as place:
            fill(place, leave=int(share * used))
            run = Run(WORKS[work], place)
            code = run.end()
            (place / "filled").unlink()
            if code != 0 or share == 0:
                return after(work, place, code, run.said) if code else ("lost", "a full disk, and nothing was said")
        share = share / 2 if share > 0.05 else 0.0


def fill(place: Path, leave: int) -> None:
    """Fill a disk to its last block, but for some bytes."""
    with (place / "filled").open("wb", buffering=0) as file, suppress(OSError):
        while file.write(bytes(4096)) == 4096:
            pass
        file.write(bytes(4096))
    with (place / "filled").open("r+b") as file:
        file.truncate(max(0, file.seek(0, os.SEEK_END) - leave))
    assert shutil.disk_usage(place).free <= leave + 4096


def read_only(work: str, rng: random.Random) -> Outcome:
    with disk("64m") as place:
        remount(place, "ro")
        run = Run(WORKS[work], place)
        code = run.end()
        remount(place, "rw")
        return after(work, place, code, run.said)


def not_finite(work: str, rng: random.Random) -> Outcome:
    value = rng.choice([float("nan"), float("inf")])
    how: dict[str, Any] = {"weights": value}
    if work == "training":
        how = {"config": {"learning_rate": 1e30}}
    if work == "retrofit" and rng.random() < 0.5:
        how = {"retrofit": {"learning_rate": 1e30, "filter_rate": 1e30}}
    with folder_for(work) as folder:
        run = Run(WORKS[work], folder, how)
        code = run.end()
        if code in (2, 3) and FIX.search(run.said):
            return "stopped", run.said
        if work == "save" and code == 0:
            back = aa.load(folder / "model.safetensors", TinyResNet()).state_dict()
            same = all(
                torch.equal(a.nan_to_num(7), b.nan_to_num(7))
                for a, b in zip(back.values(), spoilt(net(), how).state_dict().values(), strict=True)
            )
            return ("survived", "") if same else ("lost", "other weights")
        return "lost", f"exit {code}: {run.said}"


def lost_worker(how: signal.Signals) -> Callable[[str, random.Random], Outcome]:
    def lost(work: str, rng: random.Random) -> Outcome:
        step = rng.randrange(1, 15)

        def progress(done: int, _: int) -> None:
            for worker in multiprocessing.active_children() if done == step else []:
                os.kill(worker.pid or 0, how)

        with folder_for(work) as folder:
            run = Run(WORKS[work], folder, {"config": {"workers": 1}, "progress": progress})
            return after(work, folder, run.end(), run.said, {"config": {}})

    return lost


def lost_rank(how: signal.Signals) -> Callable[[str, random.Random], Outcome]:
    def both(work: str, folder: Path) -> list[Run]:
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = str(free.getsockname()[1])
        common = {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": port, "WORLD_SIZE": "2", "LOCAL_WORLD_SIZE": "2"}
        common |= {"GROUP_RANK": "0", "TORCHELASTIC_RUN_ID": "faults"}
        config = {"config": {"devices": 2, "strategy": "ddp"}}
        return [Run(WORKS[work], folder, config, {**common, "RANK": str(n), "LOCAL_RANK": str(n)}) for n in range(2)]

    def lost(work: str, rng: random.Random) -> Outcome:
        with folder_for(work) as folder, folder_for(work) as undisturbed:
            codes = []
            begun = time.monotonic()
            for run in both(work, undisturbed):
                codes.append(run.end())
            seconds = time.monotonic() - begun
            if codes != [0, 0]:
                return "lost", f"undisturbed: {codes}"
            whole, runs, number = result_of(undisturbed), both(work, folder), rng.randrange(2)
            time.sleep(rng.uniform(0.2, 0.8) * seconds)
            runs[number].kill(how)
            code = runs[1 - number].end(60)
            said = runs[1 - number].said
            runs[number].kill()
            if code != 0 and not (code == 2 and FIX.search(said)):
                return "lost", f"rank {number} gone, the other: exit {code}: {said}"
            ended = [run.end() for run in both(work, folder)]
            if result_of(folder) != whole:
                return "lost", f"again: {ended}"
            return ("survived", "") if code == 0 else ("stopped", said)

    return lost


def there(folder: Path, pattern: str) -> list[Path]:
    with suppress(FileNotFoundError):  # of a folder that was removed meanwhile
        return sorted(folder.rglob(pattern))
    return []


def halted(work: str, folder: Path, pattern: str, rest: float = 0) -> Run | None:
    """Start a work, and halt it while a file is there; `None` where it ended before."""
    run = Run(WORKS[work], folder)
    while run.process.is_alive():
        if there(folder, pattern):
            time.sleep(rest)
            run.kill(signal.SIGSTOP)
            if run.process.is_alive() and there(folder, pattern):
                return run
            run.kill(signal.SIGCONT)
        time.sleep(0.0002)
    run.end()
    return None


def two_at_once(work: str, rng: random.Random) -> Outcome | None:
    """A second one starts and ends while the first holds its lock, or has begun to write its file."""
    pattern, rest = {"save": "*.part", "export": "*.part/*"}.get(work, "*.lock"), 0.0
    if work in KEPT:
        rest = rng.uniform(0, 0.3) * SECONDS[work]
    for _ in range(10):
        with folder_for(work) as folder:
            if (first := halted(work, folder, pattern, rest)) is None:
                continue
            second = Run(WORKS[work], folder)
            codes, said = [second.end()], second.said
            first.kill(signal.SIGCONT)
            codes.append(first.end())
            if result_of(folder) != WHOLE[work] or codes[1] != 0:
                return "lost", f"{codes}: {first.said} / {said}"
            if codes[0] == 0 and work not in KEPT:
                return "survived", ""
            return ("stopped", said) if codes[0] == 2 and FIX.search(said) else ("lost", f"{codes}: {said}")
    return None


def clock_set(work: str, rng: random.Random) -> Outcome:
    real, years = time.time, 365 * 86400

    def before() -> None:
        time.time = lambda: real() + rng.choice([-10, -1, 1, 10]) * years

    with folder_for(work) as folder:
        run = Run(WORKS[work], folder, {"before": before})
        run.process.join(rng.uniform(0.3, 0.9) * SECONDS[work])
        run.kill()
        for path in folder.rglob("*"):
            os.utime(path, (real() + rng.choice([-10, 10]) * years,) * 2)
        return after(work, folder, run.process.exitcode, run.said)


def torn(pattern: str) -> Callable[[str, random.Random], Outcome | None]:
    def tear(work: str, rng: random.Random) -> Outcome | None:
        for _ in range(10):
            with folder_for(work) as folder:
                if (run := halted(work, folder, pattern, rng.uniform(0, 0.3) * SECONDS[work])) is None:
                    continue
                run.kill()
                file = rng.choice(sorted(folder.rglob(pattern)))
                whole = file.read_bytes()
                file.write_bytes(whole[: rng.randrange(len(whole))])
                run = Run(WORKS[work], folder)
                if run.end() == 2 and FIX.search(run.said) and file.name in run.said:
                    return "stopped", run.said
                if run.process.exitcode == 0 and result_of(folder) == WHOLE[work]:
                    return "survived", ""
                return "lost", f"{file.name} of {len(whole)} bytes, exit {run.process.exitcode}: {run.said}"
        return None

    return tear


def foreign(work: str, rng: random.Random) -> Outcome:
    with folder_for(work) as folder, folder_for(work) as other:
        started(work, folder)
        Run(WORKS[work], other, {"config": {"seed": rng.randrange(1, 99)}, "resume": False}).end()
        (folder / "run").mkdir(exist_ok=True)
        shutil.copy(other / "run" / "last.ckpt", folder / "run" / "last.ckpt")
        run = Run(WORKS[work], folder)
        code = run.end()
        return ("stopped", run.said) if code == 2 and FIX.search(run.said) else ("lost", f"exit {code}: {run.said}")


def begun_over(work: str, rng: random.Random) -> Outcome:
    """Another run begins in the folder of one that is done, and is killed at some moment."""
    with folder_for(work) as folder:
        Run(WORKS[work], folder, {"config": {"seed": 5}, "resume": False}).end()
        run = Run(WORKS[work], folder, {"config": {}, "resume": False})
        run.process.join(rng.uniform(0, 0.5) * SECONDS[work])
        run.kill()
        again = Run(WORKS[work], folder, {"config": {}, "resume": True})
        code = again.end()
        if code == 2 and FIX.search(again.said):
            return "stopped", again.said
        return ("survived", "") if code == 0 and result_of(folder) == WHOLE[work] else ("lost", again.said)


def other_disk(work: str, rng: random.Random) -> Outcome:
    with disk("4k") as full, folder_for(work) as folder:
        (full / "filled").write_bytes(b"x" * 4096)

        def before() -> None:
            os.environ["TMPDIR"] = tempfile.tempdir = str(full)

        run = Run(WORKS[work], folder, {"before": before})
        run.process.join(rng.uniform(0.5, 1.2) * SECONDS[work])
        code = run.process.exitcode
        if code is None:
            run.kill()
        return after(work, folder, -9 if code is None else code, run.said)


def disk_gone(work: str, rng: random.Random) -> Outcome:
    """The disk is taken away in mid-run, lazily, and comes back for the run that goes on."""
    with folder_for(work) as real, folder_for(work) as place:
        mount = ["mount", "--bind", real, place]
        subprocess.run(mount, check=True)
        run = Run(WORKS[work], place)
        run.process.join(rng.uniform(0.3, 0.9) * SECONDS[work])
        subprocess.run(["umount", "-l", place], check=True)
        code = run.end()
        if code not in (0, 2):
            return "lost", f"exit {code}: {run.said}"
        subprocess.run(mount, check=True)
        try:
            return after(work, place, -9, run.said)
        finally:
            subprocess.run(["umount", "-l", place], check=True)


Fault = Callable[[str, random.Random], Outcome | None]
"""Lets a fault happen; `None` where there was nothing to harm ten times, which counts as not tried."""

EVERY, KEPT = tuple(WORKS), ("training", "evaluation", "retrofit", "mend")
CELLS: list[tuple[str, Fault, tuple[str, ...], int]] = [
    ("killed at a random moment", killed, ("training",), 20),
    ("killed while a checkpoint is written", killed_in_a_write, ("training",), 10),
    ("killed in validation", killed_in_validation, ("training",), 10),
    ("killed at a random moment", killed, EVERY[1:], 10),
    ("full disk (tmpfs)", full_disk, EVERY, 5),
    ("read-only folder", read_only, EVERY, 5),
    ("NaN or infinity", not_finite, EVERY, 5),
    ("loader worker killed", lost_worker(signal.SIGKILL), ("training",), 5),
    ("loader worker hangs", lost_worker(signal.SIGSTOP), ("training",), 5),
    ("one of two processes killed", lost_rank(signal.SIGKILL), ("training", "evaluation"), 5),
    ("one of two processes hangs", lost_rank(signal.SIGSTOP), ("training", "evaluation"), 5),
    ("two at once", two_at_once, EVERY, 5),
    ("clock and file times set by years", clock_set, EVERY, 5),
    ("last.ckpt torn", torn("last.ckpt"), ("training",), 8),
    ("config.toml torn", torn("config.toml"), ("training",), 8),
    ("metrics.csv torn", torn("metrics.csv"), ("training",), 5),
    ("part of scores torn", torn("part-*.json"), ("evaluation",), 5),
    ("checkpoint torn", torn("run.pt"), ("retrofit",), 5),
    ("mend.json torn", torn("mend.json"), ("mend",), 5),
    ("last.ckpt of another run", foreign, ("training",), 5),
    ("begun over another run, killed", begun_over, ("training",), 6),
    ("temporary folder on another, full disk", other_disk, EVERY, 5),
    ("disk gone in mid-run, and back", disk_gone, KEPT, 5),
]


def main(only: list[str], most: int) -> None:
    rows: dict[tuple[str, str], dict[str, str]] = {}
    if OUT.exists():
        with OUT.open(newline="") as file:
            rows = {(row["work"], row["fault"]): row for row in csv.DictReader(file)}
    for fault, test, works, count in CELLS:
        for work in works:
            chosen = [word for word in only if word in WORKS], [word for word in only if word not in WORKS]
            wanted = [work in chosen[0], any(word in fault for word in chosen[1])]
            if (work, fault) in rows or any(words and not hit for words, hit in zip(chosen, wanted, strict=True)):
                continue
            if work not in WHOLE:
                with folder_for(work) as folder:
                    begun = time.monotonic()
                    assert (code := (run := Run(WORKS[work], folder)).end()) == 0, (work, code, run.log.read_text())
                    SECONDS[work], WHOLE[work] = time.monotonic() - begun, result_of(folder)
            seeds = [random.Random(f"{work} {fault} {number}") for number in range(min(count, most))]
            outcomes = [outcome for rng in seeds if (outcome := test(work, rng)) is not None]
            if not outcomes:
                continue
            tally = {name: sum(outcome[0] == name for outcome in outcomes) for name in ("survived", "stopped", "lost")}
            notes = sorted(outcomes, key=lambda each: ("lost", "stopped", "survived").index(each[0]))
            note = re.sub(r"/\S*/(run|mending|partial)?", r"../\1", notes[0][1])[:300]
            row = {
                "work": work,
                "fault": fault,
                "tried": str(len(outcomes)),
                **{k: str(v) for k, v in tally.items()},
                "note": note,
            }
            if OUT.exists():  # another call may measure other works
                with OUT.open(newline="") as file:
                    rows |= {(each["work"], each["fault"]): each for each in csv.DictReader(file)}
            rows[work, fault] = row
            print(
                f"{work:11} {fault:40} {len(outcomes):3} " + " ".join(f"{k} {v}" for k, v in tally.items()),
                note[:150],
                flush=True,
            )
            with OUT.open("w", newline="") as file:
                writer = csv.DictWriter(file, ("work", "fault", "tried", "survived", "stopped", "lost", "note"))
                writer.writeheader()
                writer.writerows(rows.values())


if __name__ == "__main__":
    torch.set_num_threads(1)
    WHOLE: dict[str, dict[str, Any]] = {}
    SECONDS: dict[str, float] = {}
    with tempfile.TemporaryDirectory(prefix="faults-") as scratch:
        SCRATCH, LOGS = Path(scratch) / "work", Path(scratch) / "logs"
        SCRATCH.mkdir()
        LOGS.mkdir()
        words = sys.argv[1:]
        most = int(words.pop(words.index("--most") + 1)) if "--most" in words else 1000
        main([word for word in words if word != "--most"], most)

"""Which remedies are tried, which go on, which one is chosen."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from antialias.metrics import Score
from antialias.nn import ShiftAverage
from antialias.surgery import phase_places

from ._evaluator import AS_IT_IS, Evaluator
from ._learn import fit_work, learn, students_of, why_nobody_learns, work_of
from ._remedy import Remedy, alignment_remedies, combined, phase_remedies, shift_remedies, spread
from ._result import Trial, points
from ._split import Part

CHOOSING = ("choose", "choose again")
CONFIRMING = (*CHOOSING, "confirm")
_COMBINATIONS = 2
_CALIBRATING = 384


class Course:
    """The way from all remedies to one.

    Args:
        evaluator: Measures them.
        train: Images to learn from.
        budget: The most multiply-adds, relative to the network as given.
        margin: The most agreement that may be lost.

    Attributes:
        left_out: Why remedies were not tried, by name.
        ended: When trials ended early, by name.
        evidence: The parts that choose, for each remedy that may be chosen.
    """

    def __init__(self, evaluator: Evaluator, train: Part, budget: float, margin: float) -> None:
        self.evaluator, self.train, self.budget, self.margin = evaluator, train, budget, margin
        self.left_out: dict[str, str] = {}
        self.ended: dict[str, str] = {}
        self.evidence: dict[Remedy, Sequence[str]] = {}
        config, views = evaluator.config, evaluator.views_of
        reported = (config.keep + 1) * (1 + budget) / 2 + sum(config.copies)
        evaluator.progress.expect(
            **{
                "choose": (config.most + 1) * (1 + budget) / 2 * views("choose", 0),
                "choose again": (config.keep + 1) * (1 + budget) / 2 * views("choose again", 0),
                "confirm": (config.confirm + 1) * (1 + budget) / 2 * views("confirm", 0),
                "report": reported * views("report", config.passes),
            }
        )

    def propose(self) -> list[Remedy]:
        """Return the remedies that fit the budget; students learn on the way."""
        evaluator, config = self.evaluator, self.evaluator.config
        learnt = list(self._learnt()) if evaluator.answers.learns else []
        if not evaluator.answers.learns:
            self.left_out["filters and learning"] = "of networks that are no classifiers, only phases are averaged"
        model, example, phases = evaluator.model, evaluator.example, list[Remedy]()
        try:
            places = phase_places(model, example)
            phases, refused = phase_remedies(model, example, places, config.phases, self.budget)
            self.left_out |= refused
            if not places:
                self.left_out["phases averaged"] = "no site was found whose phases could be averaged"
        except ValueError as error:
            self.left_out["phases averaged"] = str(error)
        applied = []
        for remedy in spread(phases, max(1, config.most - len(learnt))):
            try:  # now, since a mending that learnt for an hour should not end at a network that mixes its batch
                remedy.on_copy(model, example)
                applied.append(remedy)
            except ValueError as error:
                self.left_out[remedy.name] = str(error)
        if not evaluator.answers.learns:
            return applied
        aligned, shifts = alignment_remedies(model, example, config.periods, self.budget), list[Remedy]()
        if config.shift_copies > 1:
            first, *others = (evaluator.parts[part] for part in CONFIRMING)
            images = evaluator.inputs(sum(others, start=first), _CALIBRATING)
            for before in (None, *aligned[:1]):
                shifts += shift_remedies(model, images, self.budget, config.shift_copies, before)
        return [*applied, *aligned, *shifts, *learnt]

    def _learnt(self) -> Iterator[Remedy]:
        """Yield what students learn."""
        evaluator, config = self.evaluator, self.evaluator.config
        why = why_nobody_learns(self.train)
        steps = 0 if why else config.retrofit.steps
        one_size = len({pixels.shape for pixels, _ in self.train.images}) == 1
        shares = config.fit_shares if one_size else ()
        students, self.left_out = students_of(evaluator.model, evaluator.example, steps, self.budget, shares)
        if why and config.retrofit.steps:
            self.left_out["learning"] = why
        evaluator.progress.expect(
            learn=sum(work_of(student, config.retrofit) for student in students),
            fit=fit_work(config, self.train) if any(student.fitted for student in students) else 0,
        )
        for student in students:
            remedy = learn(student, evaluator, self.train, self.margin)
            if isinstance(remedy, Remedy):
                yield remedy
            else:
                self.left_out[student.name] = remedy
        evaluator.progress.expect(learn=0, fit=0)

    def look(self, remedies: Sequence[Remedy], parts: Sequence[str]) -> list[Remedy]:
        """Measure remedies on some parts and return those that go on: the best of cost and flips together.

        The fronts go on one after the other: those that none beats in both, then those that only these beat; half of
        the places are for what learns nothing. What loses more agreement than it may, by an interval, ends whatever it
        costs.
        """
        for part in parts:
            for remedy in (AS_IT_IS, *remedies):
                self.evaluator.measure(remedy, part)
            self.evaluator.progress.expect(**{part: 0})
        change = self.evaluator.change
        lost = {one: change(one, parts, "window_agreement").interval[1] < -self.margin for one in remedies}
        left, kept = [AS_IT_IS, *(one for one in remedies if not lost[one])], list[Remedy]()
        flips = {remedy.name: self.evaluator.value(remedy, parts) for remedy in (AS_IT_IS, *remedies)}
        while left:
            front = []
            for remedy in sorted(left, key=lambda one: (one.cost, flips[one.name])):
                if not front or flips[remedy.name] < flips[front[-1].name]:
                    front.append(remedy)
            kept += sorted(front, key=lambda one: flips[one.name])
            left = [remedy for remedy in left if remedy not in front]
        kept = [remedy for remedy in kept if remedy is not AS_IT_IS]
        # Half of the places are for what learns nothing, which many more images may still choose.
        most = self.evaluator.config.keep
        fresh = [one for one in kept if not one.learnt][: (most + 1) // 2]
        kept = (fresh + [one for one in kept if one not in fresh])[:most]
        when = "on half of the choosing images" if len(parts) == 1 else "on the choosing images"
        for remedy in remedies:
            if remedy not in kept:
                points_more = 100 * (flips[remedy.name] - flips[AS_IT_IS.name])
                why = f", agreement falls by more than {100 * self.margin:g}" if lost[remedy] else ""
                self.ended[remedy.name] = f"flips {points_more:+.1f} points{why} {when}".replace("-", "−")
        return kept

    def combinations(self, kept: Sequence[Remedy]) -> list[Remedy]:
        """Return the best learnt remedy with averages over phases, those that went on and fit the budget."""
        learnt = sorted((one for one in kept if one.learnt), key=lambda one: self.evaluator.value(one, CHOOSING[:1]))
        pairs = [combined(one, phases) for one in learnt[:1] for phases in kept if phases.phases]
        return sorted((one for one in pairs if one.cost <= self.budget), key=lambda one: -one.cost)[:_COMBINATIONS]

    def confirm(self, kept: Sequence[Remedy]) -> None:
        """Let the images to learn from choose, too, among the best of those that learnt nothing from them."""
        fresh = [one for one in kept if not one.learnt]
        fresh.sort(key=lambda one: (self.evaluator.value(one, CHOOSING), one.cost))
        fresh = fresh[: self.evaluator.config.confirm]
        for remedy in (AS_IT_IS, *fresh) if fresh else ():
            self.evaluator.measure(remedy, "confirm")
        self.evaluator.progress.expect(confirm=0)
        self.evidence |= dict.fromkeys((one for one in kept if one.learnt), CHOOSING)
        self.evidence |= dict.fromkeys(fresh, CONFIRMING)

    def best(self) -> tuple[Remedy | None, str]:
        """Return the remedy to apply, or `None` and why."""
        change, evidence = self.evaluator.change, self.evidence
        if not evidence:
            return None, "no remedy fits"
        lost = {one: -change(one, parts, "window_agreement").value for one, parts in evidence.items()}
        agreeing = [one for one in evidence if lost[one] <= self.margin + 1e-6]
        if not agreeing:
            return None, f"all that is left loses more than {100 * self.margin:g} points of agreement"
        best = min(agreeing, key=lambda one: (change(one, evidence[one]).value, one.cost))
        fewer = change(best, evidence[best])
        if fewer.interval[1] < 0:
            return best, ""
        return None, (
            f"on the choosing images {len(agreeing)} of {len(evidence)} remedies keep agreement, and the best of "
            f"these, {best.name}, changes flips by {points(fewer)} points"
        )

    def report(self, kept: Sequence[Remedy], tried: Sequence[Remedy]) -> list[Trial]:
        """Return a trial of each remedy: as it is, those that went on by cost, the yardsticks, those that ended."""
        copies = self.evaluator.config.copies
        yardsticks = []
        for n in copies:
            shifts = ShiftAverage(copies=n) if self.evaluator.answers.learns and 1 < n <= ShiftAverage.most else None
            yardsticks.append(Remedy(name=f"{n} shifted copies averaged", cost=n, copies=n, shifts=shifts))
        trials = []
        for remedy in (AS_IT_IS, *sorted(kept, key=lambda one: one.cost), *yardsticks):
            scores, changes = self.evaluator.scores(remedy, ["report"]), dict[str, Score]()
            if remedy is not AS_IT_IS:
                changes = {name: self.evaluator.change(remedy, ["report"], name) for name in scores}
            choosing, agreeing = None, None
            if remedy in kept:
                parts = self.evidence.get(remedy, CHOOSING)
                choosing = self.evaluator.change(remedy, parts)
                agreeing = self.evaluator.change(remedy, parts, "window_agreement").value
            time = 1.0 if remedy is AS_IT_IS else self.evaluator.time(remedy)
            cost = self.evaluator.cost(remedy, "report")
            trials.append(Trial(remedy, cost, scores, changes, time, choosing, agreeing))
        self.evaluator.progress.finish()
        return trials + [Trial(one, one.cost, ended=self.ended[one.name]) for one in tried if one not in kept]

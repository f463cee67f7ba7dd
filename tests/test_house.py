"""How the source is kept: docstrings that say enough, folders that fit in a head, few private helpers."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

SOURCE = Path(__file__).parents[1] / "src" / "antialias"
PACKAGES = sorted(folder.name for folder in SOURCE.iterdir() if (folder / "__init__.py").exists())
MOST_FILES, MOST_PRIVATE, FEW_LINES = 12, 15, 100

Function = ast.FunctionDef | ast.AsyncFunctionDef


def public_functions(tree: ast.Module) -> Iterator[tuple[str, Function]]:
    """Yield functions, and methods of public classes, that do not begin with an underscore."""
    for node in tree.body:
        if isinstance(node, Function) and not node.name.startswith("_"):
            yield node.name, node
        if isinstance(node, ast.ClassDef) and not node.name.startswith("_"):
            for part in node.body:
                if isinstance(part, Function) and not part.name.startswith("_"):
                    yield f"{node.name}.{part.name}", part


def raises(function: Function) -> bool:
    """Whether a function raises of its own accord; what it passes on, and what must never happen, do not count."""
    for node in ast.walk(function):
        if isinstance(node, ast.Raise) and node.exc is not None:
            name = node.exc.func if isinstance(node.exc, ast.Call) else node.exc
            if not (
                isinstance(name, ast.Name) and name.id in ("NotImplementedError", "AssertionError", "AttributeError")
            ):
                return True
    return False


def documented_methods(trees: list[ast.Module]) -> dict[str, tuple[set[str], list[str]]]:
    """Return, for each class, the methods that it documents and the names of its bases."""
    return {
        node.name: (
            {part.name for part in node.body if isinstance(part, Function) and ast.get_docstring(part)},
            [base.id for base in node.bases if isinstance(base, ast.Name)],
        )
        for tree in trees
        for node in tree.body
        if isinstance(node, ast.ClassDef)
    }


def inherits_its_words(name: str, function: Function, classes: dict[str, tuple[set[str], list[str]]]) -> bool:
    """Whether a method is told of elsewhere: by a base class, or by torch where it is one of torch's."""
    owner, _, method = name.rpartition(".")
    bases = list(classes.get(owner, (set(), []))[1])
    while bases:
        documented, further = classes.get(bases.pop(), (set(), []))
        if method in documented:
            return True
        bases.extend(further)
    return bool(owner) and method in {"forward", "backward", "setup_context", "extra_repr", "reset_parameters"}


def is_exempt(function: Function) -> bool:
    """Whether a function is the signature of another, or a kernel."""
    return bool({ast.unparse(decorator) for decorator in function.decorator_list} & {"overload", "triton.jit"})


def faults(function: Function, is_method: bool, has_words_elsewhere: bool) -> Iterator[str]:
    """Yield what a function's docstring lacks."""
    text = ast.get_docstring(function)
    if text is None:
        if not has_words_elsewhere:
            yield "has no docstring"
        return
    arguments = function.args
    count = len([*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs]) - is_method
    if count >= 4 and "Args:" not in text and not has_words_elsewhere:
        yield f"takes {count} arguments and has no Args"
    if raises(function) and "Raises:" not in text:
        yield "raises and has no Raises"


def offenders(package: str) -> list[str]:
    """Return a line for each public function of a package whose docstring lacks something."""
    trees = {path: ast.parse(path.read_text()) for path in sorted((SOURCE / package).rglob("*.py"))}
    classes = documented_methods(list(trees.values()))
    return [
        f"{path.relative_to(SOURCE)}:{function.lineno} {name} {fault}"
        for path, tree in trees.items()
        for name, function in public_functions(tree)
        if not is_exempt(function)
        for fault in faults(function, "." in name, inherits_its_words(name, function, classes))
    ]


def private_density(package: str) -> float:
    """Return the private functions at the top of modules for each thousand lines of a package."""
    texts = [path.read_text() for path in (SOURCE / package).rglob("*.py")]
    private = sum(
        isinstance(node, Function) and node.name.startswith("_") for text in texts for node in ast.parse(text).body
    )
    return 1000 * private / max(1, sum(text.count("\n") for text in texts))


@pytest.mark.parametrize("package", PACKAGES)
def test_public_functions_say_what_they_do_take_and_raise(package: str) -> None:
    assert not (lines := offenders(package)), "\n" + "\n".join(lines)


def test_a_folder_holds_few_files() -> None:
    counts = {folder: len(list(folder.glob("*.py"))) for folder in SOURCE.rglob("*") if folder.is_dir()}
    full = {str(folder.relative_to(SOURCE)): count for folder, count in counts.items() if count > MOST_FILES}
    full.pop("cli", None)  # one file a verb
    assert not full, f"more than {MOST_FILES} files, __init__ included: {full}"


@pytest.mark.parametrize("package", PACKAGES)
def test_few_functions_are_private_helpers(package: str) -> None:
    assert private_density(package) <= MOST_PRIVATE, (
        f"{package} has {private_density(package):.1f} private functions a thousand lines, more than {MOST_PRIVATE}. "
        "Put short ones with one caller into it."
    )


def test_the_checks_can_fail() -> None:
    (_, bad), (_, good) = public_functions(
        ast.parse(
            "def bad(a, b, c, d):\n    'Do.'\n    raise ValueError\n"
            "def good(a, b, c, d):\n    'Do.\\n\\nArgs:\\n\\nRaises:'\n    raise ValueError\n"
            "def _hidden(a):\n    pass\n"
        )
    )
    assert list(faults(bad, False, False)) == ["takes 4 arguments and has no Args", "raises and has no Raises"]
    assert list(faults(good, False, False)) == []
    (_, bare) = next(public_functions(ast.parse("class A:\n    def f(self):\n        pass\n")))
    assert list(faults(bare, True, False)) == ["has no docstring"]

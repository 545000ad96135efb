"""The shape of the package: no circles, small files, no error that nobody is told.

import-linter holds the floors; this looks at modules, and at imports that only a type
checker or a function sees.
"""

import ast
import re
from pathlib import Path

import pytest

import autoai4eo

PACKAGE = Path(autoai4eo.__file__).parent
MOST_LINES = 350


def module_of(path):
    name = path.relative_to(PACKAGE.parent).with_suffix("").as_posix()
    return name.removesuffix("/__init__").replace("/", ".")


@pytest.fixture(scope="module")
def trees():
    """By module, its syntax; by module, its path."""
    paths = {module_of(path): path for path in sorted(PACKAGE.rglob("*.py"))}
    return {name: ast.parse(path.read_text()) for name, path in paths.items()}, paths


def imported(tree, modules):
    """The modules of the package that a module names, wherever in it.

    ``from package import name`` means the module ``name`` where there is one.
    """
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names if alias.name in modules)
        elif isinstance(node, ast.ImportFrom) and node.module:
            assert node.level == 0, "imports are absolute"
            for alias in node.names:
                inner = f"{node.module}.{alias.name}"
                if inner in modules:
                    yield inner
                elif node.module in modules:
                    yield node.module


def circles(graph):
    """Sets of modules that import each other (Tarjan's strong components)."""
    index, low, stack, found = {}, {}, [], []

    def visit(node):
        index[node] = low[node] = len(index)
        stack.append(node)
        for other in graph[node]:
            if other not in index:
                visit(other)
            if other in stack:
                low[node] = min(low[node], low[other])
        if low[node] == index[node]:
            members = set()
            while node not in members:
                members.add(stack.pop())
            found.append(members)

    for node in graph:
        if node not in index:
            visit(node)
    return [sorted(members) for members in found if len(members) > 1]


def test_circles_are_found():
    graph = {"a": {"b"}, "b": {"c"}, "c": {"a"}, "d": {"a"}}
    assert circles(graph) == [["a", "b", "c"]]
    tree = ast.parse("def f():\n    from autoai4eo import runs\n")
    assert [*imported(tree, {"autoai4eo", "autoai4eo.runs"})] == ["autoai4eo.runs"]


def test_no_modules_import_each_other(trees):
    """Imports for type checkers and inside functions count, too.

    A package's ``__init__`` re-exports what its modules hold; those import each other
    directly. So an ``__init__`` is what it re-exports only for those outside of it.
    """
    modules, paths = trees
    inits = {name for name, path in paths.items() if path.name == "__init__.py"}
    graph = {}
    for name, tree in modules.items():
        others = set(imported(tree, modules)) - {name}
        graph[name] = {
            o for o in others if not (o in inits and f"{name}.".startswith(f"{o}."))
        }
    assert circles(graph) == []


def test_no_file_is_long(trees):
    _, paths = trees
    found = {
        path.relative_to(PACKAGE).as_posix()
        for path in paths.values()
        if len(path.read_text().splitlines()) > MOST_LINES
    }
    assert not found, f"split them: more than {MOST_LINES} lines"


#: Modules of other libraries that are not public, and where they may be imported.
PRIVATE = re.compile(
    r"(autokeras\.|keras\.src|keras_tuner\.src|optuna\._|tensorflow\.python|rasterio\._)"
)
TOUCHING = ("search/compat/", "blocks/repair.py", "data/scenes/opening.py")


def test_private_modules_are_imported_in_one_place(trees):
    modules, paths = trees
    found = set()
    for name, tree in modules.items():
        place = paths[name].relative_to(PACKAGE).as_posix()
        for node in ast.walk(tree):
            names = [getattr(node, "module", None) or ""]
            if isinstance(node, ast.Import):
                names = [alias.name for alias in node.names]
            private = isinstance(node, ast.Import | ast.ImportFrom) and any(
                PRIVATE.match(one) for one in names
            )
            if private and not place.startswith(TOUCHING):
                found.add(place)
    assert not found


def swallows(handler):
    """Whether it catches every error of the user, says nothing and goes on."""
    caught = {n.id for n in ast.walk(handler.type) if isinstance(n, ast.Name)}
    inside = [n for statement in handler.body for n in ast.walk(statement)]
    ends = isinstance(handler.body[-1], ast.Raise)
    told = any(isinstance(n, ast.Name) and n.id == handler.name for n in inside)
    return "UserError" in caught and not ends and not told


def test_no_error_is_swallowed(trees):
    """Users rely on: what is wrong is said. Code that must know catches its kind."""
    modules, paths = trees
    found = {
        paths[name].relative_to(PACKAGE).as_posix()
        for name, tree in modules.items()
        for node in ast.walk(tree)
        if isinstance(node, ast.ExceptHandler) and node.type and swallows(node)
    }
    assert not found


def test_every_warning_is_of_our_class_and_at_the_users_line(trees):
    """The command line shows this class only; `errors.warn` finds the user's line."""
    modules, _ = trees
    found = {
        name
        for name, tree in modules.items()
        for node in ast.walk(tree)
        if isinstance(node, ast.Attribute)
        and ast.unparse(node) in ("warnings.warn", "warnings.warn_explicit")
    }
    # a warning for programmers
    assert found == {"autoai4eo.errors", "autoai4eo.deploy"}

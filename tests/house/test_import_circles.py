"""No module may import itself by way of others, for types or inside a function as little as at the top."""

import ast
from pathlib import Path
from types import ModuleType

import pytest

import licet
import licet_sandbox

Graph = dict[str, set[str]]


def module_sources(package: Path) -> dict[str, str]:
    """Each module of the package by its dotted name, with its source."""
    sources = {}
    for path in sorted(package.rglob("*.py")):
        parts = [package.name, *path.relative_to(package).with_suffix("").parts]
        sources[".".join(parts).removesuffix(".__init__")] = path.read_text()
    return sources


def import_graph(sources: dict[str, str]) -> Graph:
    """The modules that each module names in an import, wherever in its source that import is."""
    return {name: imported_modules(source, set(sources)) - {name} for name, source in sources.items()}


def imported_modules(source: str, known: set[str]) -> set[str]:
    """`from a import b` imports the module `a.b` where there is one, else `a`. There are no relative imports."""
    found = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, "a relative import"
            inner = {alias.name: f"{node.module}.{alias.name}" for alias in node.names}
            found |= {inner[name] if inner[name] in known else str(node.module) for name in inner}
    return found & known


def circles(graph: Graph) -> list[list[str]]:
    """The strongly connected components of more than one module, by Tarjan's algorithm."""
    order: dict[str, int] = {}
    lowest: dict[str, int] = {}
    stack: list[str] = []
    found: list[list[str]] = []

    def visit(name: str) -> None:
        order[name] = lowest[name] = len(order)
        stack.append(name)
        for imported in sorted(graph[name]):
            if imported not in order:
                visit(imported)
                lowest[name] = min(lowest[name], lowest[imported])
            elif imported in stack:
                lowest[name] = min(lowest[name], order[imported])
        if lowest[name] == order[name]:
            at = stack.index(name)
            component = sorted(stack[at:])
            del stack[at:]
            if len(component) > 1:
                found.append(component)

    for name in graph:
        if name not in order:
            visit(name)
    return found


@pytest.mark.parametrize("package", [licet, licet_sandbox], ids=lambda package: package.__name__)
def test_the_package_has_no_import_circle(package: ModuleType) -> None:
    graph = import_graph(module_sources(Path(package.__path__[0])))
    assert sum(len(imported) for imported in graph.values()) > 100
    assert circles(graph) == []


MADE_UP = {
    "shop": "",
    "shop.orders": "from shop.prices import price\nfrom shop import customers",
    "shop.prices": "import shop.money",
    "shop.money": "import decimal",
    "shop.customers": "from shop.money import Amount",
}


def test_a_package_without_a_circle_passes() -> None:
    graph = import_graph(MADE_UP)
    assert graph["shop.orders"] == {"shop.prices", "shop.customers"}
    assert circles(graph) == []


@pytest.mark.parametrize(
    "source",
    [
        "from shop.orders import Order",
        "from shop import orders",
        "import shop.orders",
        "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    from shop.orders import Order",
        "def price():\n    from shop.orders import Order\n    return Order",
    ],
    ids=["from the module", "from the package", "import", "for a type", "inside a function"],
)
def test_a_circle_is_found_wherever_it_is_closed(source: str) -> None:
    graph = import_graph(MADE_UP | {"shop.money": source})
    assert circles(graph) == [["shop.customers", "shop.money", "shop.orders", "shop.prices"]]


def test_circles_that_share_no_module_are_found_apart() -> None:
    graph = {"a": {"b"}, "b": {"a", "c"}, "c": {"d"}, "d": {"c"}, "e": {"a"}}
    assert sorted(circles(graph)) == [["a", "b"], ["c", "d"]]

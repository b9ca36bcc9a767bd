"""Parses Stripe's form encoding, such as `line_items[0][price]=…` or `expand[]=…`, into a tree."""

from __future__ import annotations

from urllib.parse import parse_qsl

from licet_sandbox.errors import invalid

_MAX_FIELDS = 5000
# Deeper than any parameter of Stripe's, and far below Python's recursion limit.
_MAX_DEPTH = 20

Tree = dict[str, "Tree | str"]


def parse_form(text: str) -> Tree:
    """The tree of names. A list is a tree with its indices as names; `[]` is the next free index."""
    tree: Tree = {}
    try:
        pairs = parse_qsl(text, keep_blank_values=True, errors="strict", max_num_fields=_MAX_FIELDS)
    except UnicodeDecodeError:
        raise invalid("Invalid request: a parameter is not UTF-8.") from None
    except ValueError:
        raise invalid(f"Invalid request: it has more than {_MAX_FIELDS} parameters.") from None
    for name, value in pairs:
        _insert(tree, _steps(name), value, name)
    return tree


def _steps(name: str) -> list[str]:
    head, bracket, rest = name.partition("[")
    if not bracket:
        return [name]
    if not head or not rest.endswith("]"):
        raise invalid(f"Invalid parameter name: {name[:200]}", param=name[:200])
    steps = [head, *rest[:-1].split("][")]
    if len(steps) > _MAX_DEPTH:
        raise invalid(f"Invalid parameter name: {name[:200]}", param=name[:200])
    return steps


def _insert(tree: Tree, steps: list[str], value: str, name: str) -> None:
    for step in steps[:-1]:
        inner = tree.setdefault(_key(tree, step), {})
        if isinstance(inner, str):
            raise invalid(f"Invalid object: {name[:200]}", param=name[:200])
        tree = inner
    last = _key(tree, steps[-1])
    if isinstance(tree.get(last), dict):
        raise invalid(f"Invalid object: {name[:200]}", param=name[:200])
    tree[last] = value


def _key(tree: Tree, step: str) -> str:
    return step or str(len(tree))

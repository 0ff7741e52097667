"""Cutting ONNX graphs: a part of a network without the rest of it."""

from typing import Any


def keep_outputs(graph: Any, names: list[str]) -> None:
    """Leave only what the tensors `names` are computed from, and make them the outputs, in that order.

    Graph inputs that are no longer read go as well.
    """
    from onnx import helper

    maker = {output: node for node in graph.node for output in node.output}
    needed: set[str] = set()
    nodes: set[str] = set()
    waiting = list(names)
    while waiting:
        name = waiting.pop()
        if name in needed:
            continue
        needed.add(name)
        node = maker.get(name)
        if node is not None:
            nodes.add(node.output[0])
            waiting.extend(part for part in node.input if part)
    types = {value.name: value.type.tensor_type.elem_type for value in (*graph.output, *graph.value_info)}
    _replace(graph.node, [node for node in graph.node if node.output[0] in nodes])
    _replace(graph.initializer, [weights for weights in graph.initializer if weights.name in needed])
    _replace(graph.input, [value for value in graph.input if value.name in needed])
    _replace(graph.output, [helper.make_tensor_value_info(name, types.get(name, 1), None) for name in names])


def feed(graph: Any, tensor: str, name: str, kind: int, shape: list[str | int]) -> None:
    """Make `tensor`, so far computed, an input called `name`."""
    from onnx import helper

    for node in graph.node:
        for index, read in enumerate(node.input):
            if read == tensor:
                node.input[index] = name
    graph.input.append(helper.make_tensor_value_info(name, kind, shape))


def _replace(field: Any, items: list[Any]) -> None:
    del field[:]
    field.extend(items)

"""Kokoro's graph, edited once when its weights arrive, so that it makes voice and no silence.

The model puts about 0.4 s of silence before a piece and up to 0.8 s behind it, and its vocoder, nine tenths
of the work, renders them like speech. Two things were tried first and failed, heard back by the ASR:
fewer frames for the pads (the recurrent layers expect the silence and swallow the first word: "你好呀" becomes
"呀"), and dropping frames just before the vocoder (its layers are normalised over time; without the
silence a short clause comes 10 dB too soft). So the frames are dropped there, and the few silent ones that are left
count as many as they stand for: the spectrum is then 2.4 to 4.2 dB from the original's (four clauses).

Inputs added: `keep`, int64 [2], the frames of 25 ms left of the leading pad and of the closing tokens;
`closing`, int64 [tokens], 1 for every token that makes no sound at the end; `pitch`, float [1], multiplies
the fundamental. Output added: `durations`, the frames predicted per token.
"""

import os
from pathlib import Path
from typing import Any

ALL = 9_999  # for `keep`: drop nothing
SILENT = 2  # of the frames kept at either end, how many are sure to be silent and stand for the dropped ones
# Bumped with every change of the edit: a file made by an older release is made again. It is kept in a
# header field that comes before the weights, so that looking costs one short read.
EDITION = "parley-kokoro-3"
_DURATIONS = "/encoder/Gather_output_0"
_TEXT = "/encoder/MatMul_1_output_0"  # what is said, [1, 512, frames]
_F0 = "/encoder/Squeeze_output_0"  # [1, 2 * frames], as is the energy
_ENERGY = "/encoder/Squeeze_1_output_0"


def prepare_kokoro(original: Path, patched: Path) -> None:
    """Write the edited graph to `patched` unless this edition is there already.

    The same original always gives the same bytes; the file appears whole or not at all.
    Raises ValueError when `original` is not the known graph.
    """
    if is_prepared(patched):
        return
    import onnx

    model = onnx.load(str(original))
    _Edit(model.graph).apply()
    model.producer_version = EDITION
    part = patched.with_name(f"{patched.name}.{os.getpid()}.part")
    try:
        part.write_bytes(model.SerializeToString(deterministic=True))
        part.replace(patched)
    finally:
        part.unlink(missing_ok=True)


def is_prepared(patched: Path) -> bool:
    try:
        with patched.open("rb") as file:
            return EDITION.encode() in file.read(256)
    except OSError:
        return False


class _Edit:
    def __init__(self, graph: Any) -> None:
        self.graph = graph
        self.made: list[Any] = []

    def apply(self) -> None:
        from onnx import TensorProto, helper

        graph = self.graph
        if not {_DURATIONS, _TEXT, _F0, _ENERGY} <= {name for node in graph.node for name in node.output}:
            raise ValueError("not the known Kokoro graph")
        cut, weight, frames = self._drop()
        for node in graph.node:
            for index, name in enumerate(node.input):
                node.input[index] = cut.get(name, name)
        self._weigh(weight, frames)
        graph.node.extend(self.made)
        _sort(graph)
        graph.input.append(helper.make_tensor_value_info("keep", TensorProto.INT64, [2]))
        graph.input.append(helper.make_tensor_value_info("closing", TensorProto.INT64, ["sequence_length"]))
        graph.input.append(helper.make_tensor_value_info("pitch", TensorProto.FLOAT, [1]))
        graph.output.append(helper.make_tensor_value_info("durations", TensorProto.INT64, ["sequence_length"]))

    def _drop(self) -> tuple[dict[str, str], str, str]:
        """Cut the frames between prediction and vocoder.

        Return what replaces what, how many frames each one left stands for, and how many are left.
        """
        node, zero, one, last = self._node, self._ints("0", [0]), self._ints("1", [1]), self._ints("last", [-1])
        self._node("Identity", "durations", _DURATIONS, plain=True)
        pad = node("Gather", "pad", _DURATIONS, zero)
        start = node("Max", "start", node("Sub", "lead_extra", pad, node("Gather", "lead", "keep", zero)), zero)
        quiet = node("ReduceSum", "quiet", node("Mul", "quiet_each", _DURATIONS, "closing"), zero)
        less = node("Max", "less", node("Sub", "tail_extra", quiet, node("Gather", "tail", "keep", one)), zero)
        end = node("Sub", "end", node("ReduceSum", "total", _DURATIONS, zero), less)
        two = self._ints("2", [2])
        start2, end2 = node("Mul", "start2", start, two), node("Mul", "end2", end, two)
        cut = {
            _TEXT: node("Slice", "text", _TEXT, start, end, last),
            _F0: node("Slice", "f0", node("Mul", "f0_all", _F0, "pitch"), start2, end2, last),
            _ENERGY: node("Slice", "energy", _ENERGY, start2, end2, last),
        }
        frames = node("Squeeze", "frames", node("Sub", "frames1", end, start), zero)
        index = node("Range", "frame", self._ints("from", 0), frames, self._ints("step", 1))
        silent = self._ints("silent", SILENT)
        first = node("Less", "is_first", index, silent)
        final = node("GreaterOrEqual", "is_final", index, node("Sub", "final", frames, silent))
        weight = node("Cast", "one_each", node("Sub", "ones", node("Add", "plus", index, one), index), to=1)
        for name, which, dropped in (("first", first, start), ("final", final, less)):
            share = node("Div", f"{name}_share", node("Cast", f"{name}_dropped", dropped, to=1), self._float(SILENT))
            extra = node("Mul", f"{name}_extra", node("Cast", f"{name}_mask", which, to=1), share)
            weight = node("Add", f"weight_{name}", weight, extra)
        return cut, weight, frames

    def _weigh(self, weight: str, frames: str) -> None:
        """Turn every mean over time in the vocoder into a weighted one: a matrix product, as fast as the mean."""
        node = self._node
        rates: dict[str, str] = {}
        for mean in self.graph.node:
            if mean.op_type != "ReduceMean" or not mean.name.startswith("/decoder/"):
                continue
            rate = _rate(mean.name)
            if rate not in rates:
                axis, three = self._ints("axis", [2]), self._ints("3", [3])
                shape = node("Slice", f"{rate}_shape", node("Shape", f"{rate}_all", mean.input[0]), axis, three)
                size = node("Squeeze", f"{rate}_size", shape, "parley/0")
                step = node("Range", f"{rate}_step", "parley/from", size, "parley/step")
                frame = node("Div", f"{rate}_frame", node("Mul", f"{rate}_part", step, frames), size)
                each = node("Gather", f"{rate}_each", weight, frame)
                total = node("ReduceSum", f"{rate}_total", each, "parley/0")
                rates[rate] = node("Unsqueeze", f"{rate}_w", node("Div", f"{rate}_share", each, total), "parley/last")
            mean.op_type = "MatMul"
            mean.input[1] = rates[rate]
            del mean.attribute[:]

    def _node(self, op: str, output: str, *inputs: str, plain: bool = False, **attributes: Any) -> str:
        from onnx import helper

        name = output if plain else f"parley/{output}"
        self.made.append(helper.make_node(op, list(inputs), [name], name=f"parley/{output}/{op}", **attributes))
        return name

    def _ints(self, name: str, value: int | list[int]) -> str:
        return self._constant(name, value, "int64")

    def _float(self, value: float) -> str:
        return self._constant(f"float_{value}", [value], "float32")

    def _constant(self, name: str, value: Any, kind: str) -> str:
        import numpy as np
        from onnx import numpy_helper

        name = f"parley/{name}"
        if all(known.name != name for known in self.graph.initializer):
            self.graph.initializer.append(numpy_helper.from_array(np.array(value, kind), name))
        return name


def _rate(name: str) -> str:
    """Which of the vocoder's four time scales a layer works at: 1, 2, 20 or 120 steps a frame."""
    if "/generator/" in name:
        return "x20" if any(part in name for part in ("blocks.0", "blocks.1", "blocks.2", "_res.0")) else "x120"
    return "x2" if "decode.3/norm2" in name else "x1"


def _sort(graph: Any) -> None:
    """Put every node behind those it reads from, otherwise keeping the order."""
    maker = {name: index for index, node in enumerate(graph.node) for name in node.output}
    nodes = list(graph.node)
    done: set[int] = set()
    order: list[Any] = []
    for first in range(len(nodes)):
        stack = [first]
        while stack:
            index = stack[-1]
            waits = [maker[name] for name in nodes[index].input if name in maker and maker[name] not in done]
            if index not in done and waits:
                stack.extend(waits)
                continue
            stack.pop()
            if index not in done:
                done.add(index)
                order.append(nodes[index])
    del graph.node[:]
    graph.node.extend(order)

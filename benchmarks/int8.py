"""What eight-bit arithmetic in the trunk would cost and gain `mini`: scores, size, speed.

What this cannot show: other processors (eight bits are fast only where the processor has instructions for
them), other ways of quantising. The trunk is quantised statically (ONNX Runtime's QDQ form, weights
by channel); connector and decoder stay as they are. Pictures that set the ranges are not the ones compared.
Rates are compared within one run only, in rounds that measure all of them in turn.

    python benchmarks/int8.py MODEL MANIFEST_OR_FOLDER… [--ranges 128] [--most 400] [--rounds 5]
    python benchmarks/int8.py FIT_WITHOUT_FOLD_0 agiqa3k/labels.csv --aspect quality --label quality --fold 0

With a label and a fold, the fit's held-back pictures are compared, and both forms with what people said.
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from onnxruntime.quantization import (
    CalibrationDataReader,
    CalibrationMethod,
    QuantFormat,
    QuantType,
    quantize_static,
)
from onnxruntime.quantization.shape_inference import quant_pre_process

from visq.aspects import aspect
from visq.backbones import find_model
from visq.backbones.mini import open_graph
from visq.backbones.mini_causal import MiniCausal
from visq.core.scales import expectation
from visq.core.types import Prompted
from visq.data import Inputs
from visq.media import decode
from visq.metrics import srcc


class Ranges(CalibrationDataReader):
    """Pictures that set the ranges of activations."""

    def __init__(self, pictures: list[np.ndarray]) -> None:
        self.left: Iterator[np.ndarray] = iter(pictures)

    def get_next(self) -> dict[str, np.ndarray] | None:
        """The next picture as the graph's input."""
        found = next(self.left, None)
        return None if found is None else {"pixels": found[None]}


def single(graph: Path, out: Path) -> None:
    """The graph with its weights inside and in single precision, as the quantiser wants them."""
    model = onnx.load(graph)
    halves = {tensor.name: tensor for tensor in model.graph.initializer}
    nodes = []
    for node in model.graph.node:
        tensor = halves.get(node.input[0]) if node.op_type == "Cast" else None
        if tensor is None:
            nodes.append(node)
            continue
        wide = onnx.numpy_helper.to_array(tensor).astype(np.float32)
        model.graph.initializer.remove(tensor)
        model.graph.initializer.append(onnx.numpy_helper.from_array(wide, node.output[0]))
    del model.graph.node[:]
    model.graph.node.extend(nodes)
    onnx.save(model, out)


def quantised(graph: Path, pictures: list[np.ndarray], method: CalibrationMethod, folder: Path) -> Path:
    """The trunk in eight bits."""
    plain, ready, out = (folder / f"{name}.onnx" for name in ("single", "ready", method.name))
    single(graph, plain)
    quant_pre_process(str(plain), str(ready), skip_symbolic_shape=True)
    quantize_static(
        str(ready),
        str(out),
        Ranges(pictures),
        quant_format=QuantFormat.QDQ,
        per_channel=True,
        op_types_to_quantize=["Conv", "Add", "Clip"],
        activation_type=QuantType.QUInt8,
        weight_type=QuantType.QInt8,
        calibrate_method=method,
    )
    return out


def scores(backbone: MiniCausal, pictures: list[np.ndarray]) -> np.ndarray:
    """float64 [n, aspects], on 1..5."""
    columns = []
    for asked in map(aspect, backbone.aspects):
        prompted = [Prompted(pixels, asked.name, asked.questions[0], asked.stem) for pixels in pictures]
        shares = np.exp(backbone.answer_logprobs(prompted, asked.levels).astype(np.float64))
        columns.append(expectation(shares / shares.sum(1, keepdims=True)))
    return np.stack(columns, 1)


def rate(session: Any, pictures: list[np.ndarray], threads: int) -> float:
    """Pictures a second through one graph, each on one thread."""
    with ThreadPoolExecutor(threads) as pool:
        begun = time.perf_counter()
        list(pool.map(lambda pixels: session.run(["visual"], {"pixels": pixels[None]}), pictures))
        return len(pictures) / (time.perf_counter() - begun)


def main(options: argparse.Namespace) -> None:
    """Quantise, compare scores, time."""
    folder = find_model(options.model)
    backbone = MiniCausal(folder, threads=1)
    samples = list(Inputs(options.inputs))
    drawn = [samples[k] for k in np.random.default_rng(0).permutation(len(samples))]
    held_back = [sample for sample in drawn if sample.extra.get("fold") == options.fold]
    seen = [sample for sample in drawn if sample.extra.get("fold") != options.fold or options.fold is None]
    compared_samples = (held_back if options.fold else seen[options.ranges :])[: options.most]
    ranges, compared = (
        [backbone.prepare(decode(one.path, at_least=640).picture) for one in some]
        for some in (seen[: options.ranges], compared_samples)
    )
    labels = [float(one.extra[options.label]) for one in compared_samples] if options.label else None
    plain = scores(backbone, compared)
    sessions = {"half-precision weights": open_graph(str(folder.graph("visual")))}
    print("| ranges | aspect | n | correlation | SRCC of both forms | mean move | largest | MB |")
    print("| --- | --- | --- | --- | --- | --- | --- | --- |")
    with tempfile.TemporaryDirectory() as name:
        for method in (CalibrationMethod.MinMax, CalibrationMethod.Percentile, CalibrationMethod.Entropy):
            graph = quantised(folder.graph("visual"), ranges, method, Path(name))
            sessions[method.name] = backbone._visual = open_graph(str(graph))
            found = scores(backbone, compared)
            for k, aspect_name in enumerate(backbone.aspects):
                far = np.abs(found[:, k] - plain[:, k])
                figures = (np.corrcoef(found[:, k], plain[:, k])[0, 1], srcc(found[:, k], plain[:, k]))
                cells = " | ".join(f"{value:.4f}" for value in (*figures, far.mean(), far.max()))
                size = graph.stat().st_size / 1e6
                print(f"| {method.name} | {aspect_name} | {len(far)} | {cells} | {size:.1f} |", flush=True)
                if aspect_name == options.aspect and labels is not None:
                    before, after = (srcc(some[:, k], labels) for some in (plain, found))
                    print(f"{method.name}, SRCC with labels: {before:.4f} before, {after:.4f} in eight bits")
        print("\n| trunk | 1 thread, pictures/s | 2 threads |\n| --- | --- | --- |")
        taken: dict[tuple[str, int], list[float]] = {}
        for number in range(-1, options.rounds):  # round -1 warms up
            for trunk, session in sessions.items():
                for threads in (1, 2):
                    found_rate = rate(session, compared[:100], threads)
                    if number >= 0:
                        taken.setdefault((trunk, threads), []).append(found_rate)
        for trunk in sessions:
            cells = [
                f"{statistics.median(some):.1f} ({min(some):.1f}..{max(some):.1f})"
                for some in (taken[trunk, 1], taken[trunk, 2])
            ]
            print(f"| {trunk} | {cells[0]} | {cells[1]} |")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("model")
    parser.add_argument("inputs", nargs="+")
    parser.add_argument("--ranges", type=int, default=128, help="pictures that set the ranges")
    parser.add_argument("--most", type=int, default=400, help="pictures compared")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--aspect", help="that the labels are about")
    parser.add_argument("--label", help="column of the opinion scores")
    parser.add_argument("--fold", help="rows of this fold are compared, the others set the ranges")
    main(parser.parse_args())

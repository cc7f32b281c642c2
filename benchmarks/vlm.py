"""How fast a chat model answers, against the ways it is usually asked and the machine's matrix products.

What this cannot show: accuracy (the weights may be random, which changes no speed), pictures read from files,
other processors. Rates are compared with each other within one run only; every round measures all ways in
turn, on the same pictures and the same weights. All begin with decoded pixels and end with numbers.

    one aspect       `Chat.answer_logprobs`: one question about every picture, in one call
    five aspects     the same, with five questions about every picture
    five passes      five calls of one question each
    one by one       `Chat.answer_logprobs` once for each picture
    plain            one picture a forward, as transformers has it: logits of all tokens; of the level words
                     only the first tokens are read, which is less than the others give
    generate         one picture at a time: `model.generate(max_new_tokens=150, output_scores=True)`
    processor        the processor alone, one picture after another: what none of them can beat on one thread

Share of the peak: floating-point operations a second, counted by torch.utils.flop_counter while the way runs,
against those of a plain product in the model's dtype, of a batch's tokens with a layer as wide as the
model's, measured in the same round.

    python benchmarks/vlm.py                        a Qwen2-VL of random weights, small enough for a CPU
    python benchmarks/vlm.py --size 7b              of Qwen2-VL-7B's sizes; needs a GPU, as 2b does
    python benchmarks/vlm.py --model FOLDER         any image-text-to-text model of transformers
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
import transformers
from PIL import Image
from score import machine, rate
from torch.utils.flop_counter import FlopCounterMode, sdpa_flop_count
from vlm_model import HF, NEED_A_GPU, SIZES, make_model

import visq.hf  # noqa: F401 (makes `mini` known to transformers)
from visq.aspects import aspect
from visq.backbones.chat import Chat
from visq.backbones.chat_load_torch import DTYPES
from visq.backbones.chat_options import ChatOptions
from visq.core.types import Picture, Prompted

ASKED = ("quality", "aesthetics", "composition", "light", "colour")
LEVELS = aspect("quality").levels
NEW_TOKENS = 150


def make_pictures(n: int, width: int, height: int) -> list[Picture]:
    """Smooth shapes with grain."""
    rng = np.random.default_rng(0)
    found = []
    for _ in range(n):
        shapes = Image.fromarray(rng.integers(0, 256, (9, 12, 3), dtype=np.uint8))
        grain = rng.normal(0, 6, (height, width, 1))
        smooth = np.asarray(shapes.resize((width, height), Image.Resampling.BICUBIC))
        found.append(np.clip(smooth + grain, 0, 255).astype(np.uint8))
    return found


def questions(pictures: Sequence[Any], asked: Sequence[str] = ASKED) -> list[Prompted]:
    """Every question about every picture, in the words of visq's own aspect."""
    known = aspect("quality")
    return [
        Prompted(
            picture,
            name,
            known.questions[0].replace("quality", name),
            known.stem.replace("quality", name),
        )
        for picture in pictures
        for name in asked
    ]


class Plain:
    """A model asked as transformers' own documentation has it, one picture at a time.

    Args:
        model: of transformers.
        processor: its own.
    """

    def __init__(self, model: Any, processor: Any) -> None:
        self._model = model
        self._processor = processor
        asked = questions([None])[0]
        content = [{"type": "image"}, {"type": "text", "text": asked.question}]
        turns = [{"role": "user", "content": content}]
        self._text = processor.apply_chat_template(turns, add_generation_prompt=True, tokenize=False)
        self._stem = asked.stem
        told = processor.tokenizer(asked.stem, add_special_tokens=False)["input_ids"]
        self._levels = [
            processor.tokenizer(f"{asked.stem} {word}", add_special_tokens=False)["input_ids"][len(told)]
            for word in LEVELS
        ]

    def inputs(self, picture: Picture, text: str) -> Any:
        """What the processor makes of a picture and a prompt."""
        return self._processor(
            images=[Image.fromarray(picture)], text=[text], return_tensors="pt", add_special_tokens=False
        )

    def prepare(self, picture: Picture) -> Any:
        """The processor alone."""
        return self.inputs(picture, self._text + self._stem)

    @torch.inference_mode()
    def forward(self, picture: Picture) -> torch.Tensor:
        """float32 [5]: log-probabilities of the level words' first tokens after the stem."""
        inputs = self.inputs(picture, self._text + self._stem).to(self._model.device, self._model.dtype)
        logits = self._model(**inputs).logits[0, -1]
        found: torch.Tensor = logits.float().log_softmax(-1)[self._levels]
        return found.cpu()

    @torch.inference_mode()
    def generate(self, picture: Picture) -> torch.Tensor:
        """float32 [tokens, 5]: the level words' shares at every token that is said."""
        inputs = self.inputs(picture, self._text).to(self._model.device, self._model.dtype)
        told = self._model.generate(
            **inputs, max_new_tokens=NEW_TOKENS, min_new_tokens=NEW_TOKENS, do_sample=False,
            output_scores=True, return_dict_in_generate=True,
        )  # fmt: skip
        return torch.cat(told.scores)[:, self._levels].float().softmax(-1).cpu()


@dataclass(frozen=True)
class Way:
    """Something to time, and for how many pictures it does its work."""

    work: Callable[[], object]
    n: int


def ways_of(chat: Chat, plain: Plain, pictures: Sequence[Picture], n_generated: int) -> dict[str, Way]:
    """All that is compared, on the same weights."""
    n = len(pictures)
    some = pictures[:n_generated]

    def ours(asked: Sequence[Prompted]) -> np.ndarray:
        found = chat.answer_logprobs(asked, LEVELS)
        if not np.isfinite(found).all():
            raise SystemExit("an answer is no number: nothing is measured")
        return found

    return {
        "one aspect": Way(lambda: ours(questions(pictures, ASKED[:1])), n),
        "five aspects": Way(lambda: ours(questions(pictures)), n),
        "five passes": Way(lambda: [ours(questions(pictures, [name])) for name in ASKED], n),
        "one by one": Way(lambda: [ours(questions([picture], ASKED[:1])) for picture in pictures], n),
        "plain": Way(lambda: [plain.forward(picture) for picture in pictures], n),
        "generate": Way(lambda: [plain.generate(picture) for picture in some], len(some)),
        "processor": Way(lambda: [plain.prepare(picture) for picture in pictures], n),
    }


AIMS = {  # which rate over which, and how large or small that shall be
    "one aspect / generate": 10.0,
    "one aspect / plain": 3.0,
    "one aspect / one by one": 3.0,
    "one aspect / five aspects": -1.4,
    "five aspects / five passes": None,
}
"""Positive: at least; negative: at most; None: no aim. 3 is for small pictures."""


@dataclass(frozen=True)
class Cost:
    """What a way does for one picture: floating-point operations, and tokens that the model runs over."""

    flops: float
    visual: float
    text: float

    @classmethod
    def of(cls, way: Way, model: Any) -> Cost:
        """Count while the way runs."""
        seen = {"all": 0, "visual": 0}

        def attention(query: Any, key: Any, value: Any, *_: Any, **__: Any) -> int:
            return int(sdpa_flop_count(query, key, value))  # type: ignore[no-untyped-call]

        def watch(_: Any, __: Any, given: dict[str, Any]) -> None:
            seen["all"] += given["input_ids"].numel()
            seen["visual"] += int((given["input_ids"] == model.config.image_token_id).sum())

        # The counter does not know the CPU's attention by itself.
        cpu = torch.ops.aten._scaled_dot_product_flash_attention_for_cpu
        hook = model.register_forward_pre_hook(watch, with_kwargs=True)
        with FlopCounterMode(display=False, custom_mapping={cpu: attention}) as counter:
            way.work()
        hook.remove()
        flops, visual = counter.get_total_flops(), seen["visual"]
        return cls(flops / way.n, visual / way.n, (seen["all"] - visual) / way.n)


def peak(chat: Chat, n_tokens: int) -> float:
    """Floating-point operations a second of a layer's product, on so many tokens."""
    model = chat._network._model
    config = model.config.get_text_config()
    wide = int(getattr(config, "intermediate_size", 4 * config.hidden_size))
    tokens = torch.randn(n_tokens, config.hidden_size, dtype=model.dtype, device=model.device)
    weights = torch.randn(wide, config.hidden_size, dtype=model.dtype, device=model.device)
    wait: Any = torch.cuda.synchronize if model.device.type == "cuda" else lambda: None

    def product(times: int) -> float:
        begun = time.perf_counter()
        for _ in range(times):
            tokens @ weights.T
        wait()
        return time.perf_counter() - begun

    product(3)
    times = 1
    while (taken := product(times)) < 0.2:
        times *= 2
    return 2.0 * n_tokens * int(config.hidden_size) * wide * times / taken


@dataclass
class Found:
    """What was measured on pictures of one size: what a picture costs, and a rate for each round."""

    pixels: str
    costs: dict[str, Cost]
    rates: dict[str, list[float]]
    peaks: list[float]

    def shares(self, way: str) -> list[float]:
        """Share of the peak, of each round."""
        flops = self.costs[way].flops
        return [rate * flops / peak for rate, peak in zip(self.rates[way], self.peaks, strict=True)]

    def ratios(self, name: str) -> list[float]:
        """One rate over another, of each round."""
        one, other = (self.rates[way] for way in name.split(" / "))
        return [a / b for a, b in zip(one, other, strict=True)]


def measure(chat: Chat, size: str, options: argparse.Namespace) -> Found:
    """Count the operations of every way, which warms up, then time all of them in turn."""
    width, height = map(int, size.split("x"))
    pictures = [chat.prepare(picture) for picture in make_pictures(options.pictures, width, height)]
    model = chat._network._model
    ways = ways_of(chat, Plain(model, chat._processor), pictures, options.generated)
    costs = {name: Cost.of(way, model) for name, way in ways.items()}
    one = costs["one aspect"]
    n_tokens = min(round(options.pictures * (one.visual + one.text)), ChatOptions().tokens)
    found = Found(size, costs, {name: [] for name in ways}, [])
    for number in range(options.rounds):
        found.peaks.append(peak(chat, n_tokens))
        for name, way in ways.items():
            found.rates[name].append(rate(way.work, way.n))
        print(f"{size}: round {number + 1} of {options.rounds}", file=sys.stderr, flush=True)
    return found


def spread(values: Sequence[float], digits: int) -> str:
    """Median, and the lowest and highest."""
    low, middle, high = min(values), statistics.median(values), max(values)
    return f"{middle:.{digits}f} ({low:.{digits}f}..{high:.{digits}f})"


def report(found: Found) -> None:
    """Tables of rates and of ratios, and which aims were reached."""
    print(f"\n{found.pixels} px; peak {spread([peak / 1e9 for peak in found.peaks], 0)} GFLOP/s\n")
    print("| way | pictures/s | tokens a picture: visual + text | GFLOP a picture | share of the peak |")
    print("| --- | --- | --- | --- | --- |")
    for way, rates in found.rates.items():
        cost = found.costs[way]
        cells = [
            f"{cost.visual:.0f} + {cost.text:.0f}",
            f"{cost.flops / 1e9:.1f}",
            spread(found.shares(way), 2),
        ]
        print(f"| {way} | {spread(rates, 2)} | {' | '.join(cells if cost.flops else ['', '', ''])} |")
    print("\n| rates | ratio | aim | reached |\n| --- | --- | --- | --- |")
    for name, aim in AIMS.items():
        cells = ["", ""]
        if aim is not None:
            middle = statistics.median(found.ratios(name))
            reached = middle >= aim if aim > 0 else middle <= -aim
            cells = [f"{'at least' if aim > 0 else 'at most'} {abs(aim):g}", "yes" if reached else "no"]
        print(f"| {name} | {spread(found.ratios(name), 2)} | {' | '.join(cells)} |", flush=True)


def described(chat: Chat, name: str) -> str:
    """What was measured, and on what."""
    model = chat._network._model
    device = torch.cuda.get_device_name(model.device) if model.device.type == "cuda" else "no GPU"
    weights = sum(weight.numel() for weight in model.parameters())
    versions = f"torch {torch.__version__}, transformers {transformers.__version__}"
    return (
        f"{machine().strip()}, {versions}; {device}, {torch.get_num_threads()} threads\n"
        f"{name}: {weights / 1e6:.0f} million weights; {chat.chosen}"
    )


def main(options: argparse.Namespace) -> None:
    """Make or load the model, measure every size of pictures, print, and keep every round."""
    device = options.device
    if device == "auto":
        device = "cuda" if torch.cuda.is_available() else "cpu"
    dtype = options.dtype
    if dtype == "auto":
        dtype = "bfloat16" if device.startswith("cuda") else "float32"
    if not options.model and options.size in NEED_A_GPU and not device.startswith("cuda"):
        raise SystemExit(f"size {options.size} needs a GPU, which is not here: not run")
    HF.logging.set_verbosity_error()
    HF.logging.disable_progress_bar()
    with tempfile.TemporaryDirectory() as scratch:
        if options.model:
            folder, name = options.model, options.model.name
        else:
            name = f"Qwen2-VL of size {options.size}, random weights"
            folder = Path(scratch)
            texts = [f"{one.question}\n{one.stem} {word}." for one in questions([None]) for word in LEVELS]
            make_model(SIZES[options.size], texts, folder, device, DTYPES[dtype])
        chat = Chat(folder, ChatOptions(device=device, dtype=dtype))
        about = described(chat, name)
        print(about)
        found = []
        for size in options.pixels:
            found.append(measure(chat, size, options))
            report(found[-1])
        chat.close()
    if options.out:
        kept = {"about": about.splitlines(), "pictures": options.pictures, "sizes": list(map(asdict, found))}
        options.out.write_text(json.dumps(kept, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    which = parser.add_mutually_exclusive_group()
    which.add_argument("--size", choices=SIZES, default="small", help="of a Qwen2-VL of random weights")
    which.add_argument("--model", type=Path, metavar="FOLDER", help="in transformers' layout")
    parser.add_argument("--pictures", type=int, default=16)
    parser.add_argument("--generated", type=int, default=1, help="pictures a round of `generate`")
    parser.add_argument("--pixels", nargs="+", default=["224x224", "640x480"], metavar="WIDTHxHEIGHT")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--device", default="auto")
    parser.add_argument("--dtype", default="auto", choices=["auto", *DTYPES])
    parser.add_argument("--out", type=Path, metavar="FILE.json", help="every round")
    main(parser.parse_args())

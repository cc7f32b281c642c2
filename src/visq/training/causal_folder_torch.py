"""The files of a causal model: a transformers folder, and two ONNX graphs with their words."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from transformers import GenerationConfig

from visq.backbones.mini_causal import WORDS
from visq.backbones.mini_processor_torch import new_processor
from visq.backbones.mobilenet import N_CELLS
from visq.core.toml_text import toml_text
from visq.scoring import atomic_write
from visq.training.causal_model_folder import DECODER, VISUAL
from visq.training.causal_onnx import DecoderShape, decoder_graph, visual_graph
from visq.training.causal_torch import Fitted
from visq.training.dialogue import DESCRIBE, Turn, level_turn, pair_turn, rating_turn
from visq.training.shared_weights import TENSORS, shared
from visq.training.tokenizer import ASSISTANT, END, IMAGE, PAD, SPECIALS, USER


def round_to_half(fitted: Fitted) -> None:
    """Round every weight to half precision, as all files keep it: the two forms then hold equal numbers."""
    model = fitted.model
    model.load_state_dict({name: value.half().float() for name, value in model.state_dict().items()})


def write_files(fitted: Fitted, aspects: Sequence[str], folder: Path) -> None:
    """Write config.json, model.safetensors, tokenizer and processor, the graphs, and words.toml.

    Args:
        fitted: weights rounded by `round_to_half`.
        aspects: whose questions need no tokenizer.
        folder: made where it is missing.
    """
    folder.mkdir(parents=True, exist_ok=True)
    side = fitted.model.config.image_size
    new_processor(fitted.tokenizer, side, N_CELLS).save_pretrained(folder)
    _name_ends(fitted.model)
    tied = fitted.model.all_tied_weights_keys
    state = {name: value for name, value in fitted.model.state_dict().items() if name not in tied}
    # Not model.half(): that would round the rotary frequencies too, which no file keeps.
    fitted.model.save_pretrained(folder, state_dict={name: value.half() for name, value in state.items()})
    weights = {name: value.numpy() for name, value in state.items()}
    text = fitted.model.config.text_config
    shape = DecoderShape(
        layers=text.num_hidden_layers,
        heads=text.num_attention_heads,
        eps=text.rms_norm_eps,
        theta=text.rope_parameters["rope_theta"],
        image_token=fitted.model.config.image_token_id,
    )
    tensors = (folder / TENSORS).read_bytes()
    files = {
        VISUAL: shared(visual_graph(weights, side), tensors),
        DECODER: shared(decoder_graph(weights, shape), tensors),
        WORDS: toml_text(words(fitted, aspects)).encode(),
    }
    for name, content in files.items():
        with atomic_write(folder / name) as partial:
            partial.write_bytes(content)


def _name_ends(model: Any) -> None:
    """Say which token ends a turn: Llama's own default is another word here."""
    end, pad = SPECIALS.index(END), SPECIALS.index(PAD)
    model.config.text_config.bos_token_id, model.config.text_config.eos_token_id = None, end
    model.generation_config = GenerationConfig(eos_token_id=end, pad_token_id=pad)


def words(fitted: Fitted, aspects: Sequence[str]) -> dict[str, Any]:
    """words.toml as a table: tokens of every question, stem and answer of the aspects."""
    turns = [turn for name in aspects for turn in (level_turn(name), rating_turn(name), pair_turn(name))]
    texts = dict.fromkeys(text for turn in [*turns, DESCRIBE] for text in _texts(turn))

    def tokens(text: str) -> list[int]:
        return list(fitted.tokenizer.encode(text, add_special_tokens=False).ids)

    special: Mapping[str, list[int]] = {
        "user": [SPECIALS.index(USER)],
        "assistant": [SPECIALS.index(ASSISTANT)],
        "image": [SPECIALS.index(IMAGE)],
        "end": [SPECIALS.index(END)],
        "stops": [*tokens("."), SPECIALS.index(END)],
    }
    return {"special": special, "known": [{"text": text, "tokens": tokens(text)} for text in texts if text]}


def _texts(turn: Turn) -> list[str]:
    return [turn.question, turn.stem, *turn.answers]

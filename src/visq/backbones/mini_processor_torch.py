"""Pictures and chat messages to what `mini` takes, as a transformers processor."""

from __future__ import annotations

from typing import Any

from transformers import BatchFeature, PreTrainedTokenizerFast, ProcessorMixin
from transformers.models.vit.image_processing_pil_vit import ViTImageProcessorPil

IMAGE = "<image>"

CHAT_TEMPLATE = (
    "{%- for message in messages -%}"
    "{{- '<user>' if message.role == 'user' else '<assistant>' -}}"
    "{%- if message.content is string -%}{{- message.content -}}{%- else -%}"
    "{%- for part in message.content if part.type == 'image' -%}{{- '<image>' -}}{%- endfor -%}"
    "{%- for part in message.content if part.type == 'text' -%}{{- part.text -}}{%- endfor -%}"
    "{%- endif -%}"
    "{%- if message.role == 'assistant' and not (continue_final_message and loop.last) -%}{{- '<end>' -}}"
    "{%- endif -%}{%- endfor -%}"
    "{%- if add_generation_prompt -%}{{- '<assistant>' -}}{%- endif -%}"
)
"""user, places of the pictures, question, assistant, answer, end; nothing between them."""


class MiniProcessor(ProcessorMixin):
    """Text with one `<image>` a picture, and the pictures, to tensors.

    Args:
        image_processor: squashes to a square, bicubic, -1..1.
        tokenizer: of the model.
        places: visual tokens of a picture.
        chat_template: Jinja.
    """

    def __init__(
        self,
        image_processor: Any = None,
        tokenizer: Any = None,
        places: int = 49,
        chat_template: str | None = None,
        **kwargs: Any,
    ) -> None:
        self.places = places
        super().__init__(image_processor, tokenizer, chat_template=chat_template or CHAT_TEMPLATE)

    def __call__(
        self,
        images: Any = None,
        text: str | list[str] | None = None,
        return_tensors: str = "pt",
        padding: bool = False,
        **kwargs: Any,
    ) -> BatchFeature:
        """Tensors of texts and of the pictures they show.

        Args:
            images: pictures of all texts in order, as transformers takes them; None for none.
            text: one or more; each `<image>` becomes the picture's places.
            return_tensors: as transformers.
            padding: whether texts of different lengths are padded, on the tokenizer's side.
            **kwargs: ignored, such as options of other processors.

        Returns:
            `input_ids`, `attention_mask`, and `pixel_values` float32 [m, 3, h, w] where there are pictures.
        """
        texts = [text] if isinstance(text, str) else list(text or [])
        wide = [one.replace(IMAGE, IMAGE * self.places) for one in texts]
        words = self.tokenizer(
            wide,
            add_special_tokens=False,
            padding=padding,
            return_tensors=return_tensors,
            return_token_type_ids=False,
        )
        data = dict(words)
        if images is not None:
            data["pixel_values"] = self.image_processor(images, return_tensors=return_tensors)["pixel_values"]
        return BatchFeature(data)


def new_processor(tokenizer: Any, side: int, places: int) -> MiniProcessor:
    """The processor of a model: `tokenizer` of `visq.training.tokenizer`, pictures of side x side px."""
    words = PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, pad_token="<pad>", eos_token="<end>", padding_side="left"
    )
    half = [0.5, 0.5, 0.5]
    pictures = ViTImageProcessorPil(
        size={"height": side, "width": side}, resample=3, image_mean=half, image_std=half, do_convert_rgb=True
    )
    return MiniProcessor(pictures, words, places)

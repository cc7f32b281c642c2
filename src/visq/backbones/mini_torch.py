"""`mini` as a transformers model: MobileNetV2 cells, a connector, a small Llama decoder over its own words.

An ordinary causal vision-language model. Every `image_token_id` in the text is the place of one visual token;
a picture has N_CELLS of them. `visq.hf` registers it for transformers' Auto classes.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from transformers import LlamaConfig, LlamaModel, PreTrainedConfig, PreTrainedModel
from transformers.cache_utils import Cache
from transformers.generation.utils import GenerationMixin
from transformers.modeling_outputs import CausalLMOutputWithPast

from visq.backbones.mobilenet import N_CELL_CHANNELS, N_CELLS
from visq.backbones.trunk_torch import Trunk


class MiniConfig(PreTrainedConfig):
    """What a `mini` folder's config.json says.

    Args:
        text_config: of the decoder, as transformers' LlamaConfig.
        image_token_id: the token whose places visual tokens take.
        image_size: height and width of a picture, px.
    """

    model_type = "visq_mini"
    sub_configs = {"text_config": LlamaConfig}  # noqa: RUF012 (transformers reads a plain dict)

    text_config: Any = None
    image_token_id: int = 0
    image_size: int = 320
    tie_word_embeddings: bool = True

    def __post_init__(self, **kwargs: Any) -> None:
        if not isinstance(self.text_config, LlamaConfig):
            self.text_config = LlamaConfig(**(self.text_config or {}))
        super().__post_init__(**kwargs)


class MiniForConditionalGeneration(PreTrainedModel, GenerationMixin):
    """Pictures and words in, probabilities of the next word out."""

    config_class = MiniConfig
    base_model_prefix = "model"
    main_input_name = "input_ids"
    _tied_weights_keys = {"lm_head.weight": "language_model.embed_tokens.weight"}  # noqa: RUF012

    def __init__(self, config: MiniConfig) -> None:
        super().__init__(config)
        width = config.text_config.hidden_size
        self.trunk = Trunk()
        # What a channel is on the training pictures: subtracted, and divided by.
        self.register_buffer("cell_mean", torch.zeros(N_CELL_CHANNELS))
        self.register_buffer("cell_std", torch.ones(N_CELL_CHANNELS))
        self.connector = nn.Sequential(nn.Linear(N_CELL_CHANNELS, width), nn.GELU(), nn.Linear(width, width))
        self.position = nn.Parameter(torch.zeros(N_CELLS, width))
        self.language_model = LlamaModel(config.text_config)
        self.lm_head = nn.Linear(width, config.text_config.vocab_size, bias=False)
        self.post_init()

    def get_input_embeddings(self) -> nn.Module:
        """The words' embeddings."""
        return self.language_model.embed_tokens

    def set_input_embeddings(self, value: Any) -> None:
        """Take other embeddings of words."""
        self.language_model.embed_tokens = value

    def cells(self, pixel_values: Tensor) -> Tensor:
        """float32 [m, N_CELLS, N_CELL_CHANNELS]: standardised cells of float [m, 3, h, w], -1..1."""
        return (self.trunk(pixel_values) - self.cell_mean) / self.cell_std

    def visual_tokens(self, cells: Tensor) -> Tensor:
        """Float [m, N_CELLS, width]: visual tokens of standardised cells."""
        return self.connector(cells.to(self.position.dtype)) + self.position

    def forward(
        self,
        input_ids: Tensor,
        pixel_values: Tensor | None = None,
        attention_mask: Tensor | None = None,
        labels: Tensor | None = None,
        cache: Cache | None = None,
        logits_to_keep: int = 0,
        **kwargs: Any,
    ) -> CausalLMOutputWithPast:
        """Logits of the next token.

        Args:
            input_ids: int64 [n, t]; holds N_CELLS times `image_token_id` for each picture.
            pixel_values: float [m, 3, h, w], RGB, -1..1; the m pictures of all rows, in the order of their
                places; None where an earlier pass has seen them.
            attention_mask: [n, t], 0 where a row is padded.
            labels: int64 [n, t], -100 where no loss is wanted.
            cache: of an earlier pass.
            logits_to_keep: logits of only so many last tokens; 0: of all.
            **kwargs: for the decoder.

        Raises:
            ValueError: pictures and places do not match.
        """
        visual = None if pixel_values is None else self.visual_tokens(self.cells(pixel_values))
        embeds = self.embed(input_ids, visual)
        out = self.language_model(inputs_embeds=embeds, attention_mask=attention_mask, cache=cache, **kwargs)
        logits = self.lm_head(out.last_hidden_state[:, -logits_to_keep or None :])
        loss = None
        if labels is not None:
            loss = self.loss_function(logits=logits, labels=labels, vocab_size=logits.shape[-1])
        return CausalLMOutputWithPast(loss=loss, logits=logits, cache=out.cache)

    def embed(self, input_ids: Tensor, visual: Tensor | None) -> Tensor:
        """Float [n, t, width]: embeddings of words, visual tokens [m, N_CELLS, width] at pictures' places."""
        embeds = self.language_model.embed_tokens(input_ids)
        if visual is None:
            return embeds
        places = input_ids == self.config.image_token_id
        if int(places.sum()) != visual.shape[0] * N_CELLS:
            raise ValueError(
                f"{int(places.sum())} places for {visual.shape[0]} pictures of {N_CELLS} visual tokens"
            )
        return embeds.masked_scatter(places[..., None], visual.to(embeds.dtype))

    def prepare_inputs_for_generation(self, input_ids: Tensor, **kwargs: Any) -> dict[str, Any]:
        """Inputs of one step; pictures only of the first, since the cache remembers them."""
        inputs = super().prepare_inputs_for_generation(input_ids, **kwargs)
        cache = kwargs.get("cache")
        if cache is not None and cache.get_seq_length() > 0:
            inputs["pixel_values"] = None
        return dict(inputs)

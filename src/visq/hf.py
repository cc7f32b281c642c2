"""`import visq.hf` makes `mini` an ordinary transformers model: the Auto classes load its folder."""

from __future__ import annotations

from transformers import AutoConfig, AutoModelForImageTextToText, AutoProcessor

from visq.backbones.mini_processor_torch import MiniProcessor
from visq.backbones.mini_torch import MiniConfig, MiniForConditionalGeneration

AutoConfig.register(MiniConfig.model_type, MiniConfig)
AutoModelForImageTextToText.register(MiniConfig, MiniForConditionalGeneration)
AutoProcessor.register(MiniConfig, MiniProcessor)

__all__ = ["MiniConfig", "MiniForConditionalGeneration", "MiniProcessor"]

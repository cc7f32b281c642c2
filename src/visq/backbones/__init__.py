"""What answers a question about a picture: models that give the probability of each answer.

Knows no scale, no opinion score, no file of a user; pixels come in ready, log-probabilities go out.
"""

from visq.backbones.contract import Backbone
from visq.backbones.folder import ModelFolder, find_model, shipped_models
from visq.core.registry import Registry

BACKBONES = Registry(
    "backbone",
    {
        "chat": "visq.backbones.chat:Chat",
        "mini": "visq.backbones.mini:Mini",
        "mini-causal": "visq.backbones.mini_causal:MiniCausal",
    },
)

__all__ = ["BACKBONES", "Backbone", "ModelFolder", "find_model", "shipped_models"]

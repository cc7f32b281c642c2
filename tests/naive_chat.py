"""A chat model's answers by definition, one full pass of transformers each. For tests only."""

from __future__ import annotations

import numpy as np
from PIL import Image

from tiny_chat import QWEN_PROMPT

TOLERANCE = 2e-4
"""As in tests/backbones/test_chat.py: what float32 sums in another order move a log-probability by."""


class Oracle:
    """Probabilities of whole answers by definition: one full pass of transformers an answer.

    What ends them is looked for in all of the vocabulary unless it is told.
    """

    def __init__(self, folder, ends=None):
        import transformers

        from visq.backbones.chat_processor_torch import load_processor

        self.model = transformers.AutoModelForImageTextToText.from_pretrained(folder, dtype="float32").eval()
        self.processor = load_processor(folder, self.model.config, remote_code=False)
        self.ends = self._usual_ends() if ends is None else ends

    def _usual_ends(self):
        words = self.processor.tokenizer
        texts = [words.decode([*words("a")["input_ids"], token])[1:] for token in range(len(words))]
        return [t for t, text in enumerate(texts) if text.startswith((".", "\n"))] + [words.eos_token_id]

    def probs(self, path, question, stem, answers):
        import torch

        found = []
        with Image.open(path) as image:
            for answer in answers:
                text = QWEN_PROMPT.format(question=question, stem=stem)
                inputs = self.processor(images=[image], text=[text + answer], return_tensors="pt")
                begin = self.processor(images=[image], text=[text], return_tensors="pt")["input_ids"].shape[1]
                ids = inputs["input_ids"][0]
                with torch.inference_mode():
                    logs = torch.log_softmax(self.model(**inputs).logits[0].double(), -1)
                told = sum(float(logs[at - 1, ids[at]]) for at in range(begin, len(ids)))
                found.append(np.exp(told + float(torch.logsumexp(logs[-1, self.ends], 0))))
        return np.array(found)

    def say(self, path, question, tokens):
        """What transformers' own loop goes on to say."""
        import torch

        words = self.processor.tokenizer
        with Image.open(path) as image:
            text = QWEN_PROMPT.format(question=question, stem="")
            inputs = self.processor(images=[image], text=[text], return_tensors="pt")
        with torch.inference_mode():
            ids = self.model.generate(
                **inputs, do_sample=False, max_new_tokens=tokens, eos_token_id=words.eos_token_id
            )
        return words.decode(ids[0, inputs["input_ids"].shape[1] :], skip_special_tokens=True)


def expectation(probs, numbers):
    return float((probs * numbers).sum() / probs.sum())

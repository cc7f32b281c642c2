"""Format `forensic`: index of forged and authentic pictures with their masks. Knows keys; opens no file.

Source: qlccz185/qwen2.5-vl-lora, trainingset2: [{"image_path", "mask_path", "label"}]; label 1 is forged,
with the path of a mask; label 0 is authentic, with "HxW" (height first) in the mask's place.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from typing import Any

from visq.data.cells import cell_text
from visq.data.formats import RECORDS, Format, RecordError, brief, required, text_of

_SIZE = re.compile(r"(\d+)x(\d+)")


def matches(columns: Collection[str]) -> bool:
    """The three keys."""
    return {"image_path", "mask_path", "label"} <= set(columns)


def flat(record: Mapping[str, Any]) -> dict[str, str]:
    """One row: image, label (1 forged, 0 authentic), mask (path, or empty), height and width where given."""
    image, label = text_of(record, "image_path"), cell_text(required(record, "label")).strip()
    if label not in ("0", "1"):
        raise RecordError(f"'label' is {brief(label)}; 1 is forged, 0 is authentic")
    mask = "" if record.get("mask_path") is None else text_of(record, "mask_path")
    # Only a whole match is a size: a path may hold an x, too.
    size = _SIZE.fullmatch(mask)
    cells = {"image": image, "label": label, "mask": "" if size else mask}
    if size:
        cells |= {"height": size.group(1), "width": size.group(2)}
    return cells


FORMAT = Format(
    "forensic",
    "index of forged and authentic pictures with masks",
    matches,
    flat,
    uses=("image_path", "mask_path", "label"),
    kinds=("csv", "tsv", *RECORDS),
    names={"image_path": "image"},
)

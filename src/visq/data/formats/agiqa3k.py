"""Format `agiqa3k`: the label file of AGIQA-3K. Knows its columns; opens no file.

Source: lcysyzxdxc/AGIQA-3k-Database, data.csv: name, prompt, adj1, adj2, style, mos_quality, std_quality,
mos_align, std_align. Names are MODEL_SETTING_INDEX.jpg; the index is the prompt's number.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from typing import Any

from visq.data.cells import cell_text
from visq.data.formats import RECORDS, Format, RecordError, text_of

_NAME = re.compile(r"(?P<generator>.+)_(?P<index>\d{3})\.\w+$")
_COLUMNS = {
    "mos_quality": "quality",
    "std_quality": "quality_std",
    "mos_align": "consistency",
    "std_align": "consistency_std",
}


def matches(columns: Collection[str]) -> bool:
    """The columns that no other data set has together."""
    return {"name", "prompt", "mos_quality", "mos_align"} <= set(columns)


def flat(record: Mapping[str, Any]) -> dict[str, str]:
    """One row: image, group (the prompt's number), generator, quality, consistency, their stds."""
    name = text_of(record, "name")
    found = _NAME.fullmatch(name)
    if found is None:
        raise RecordError(f"{name!r} is no name of the form GENERATOR_INDEX.jpg")
    cells = {"image": name, "group": f"p{found['index']}", "generator": found["generator"]}
    return cells | {new: cell_text(record[old]).strip() for old, new in _COLUMNS.items() if old in record}


FORMAT = Format(
    "agiqa3k",
    "AGIQA-3K: data.csv of the database",
    matches,
    flat,
    uses=("name", *_COLUMNS),
    kinds=("csv", "tsv", *RECORDS),
    names={"name": "image"},
)

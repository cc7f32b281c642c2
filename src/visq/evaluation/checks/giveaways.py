"""Check of names and columns that tell a yes-or-no label exactly. Knows texts of rows; no picture."""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence

from visq.data.columns import FILE_COLUMNS, ID_COLUMNS
from visq.data.tables import DEFECT
from visq.evaluation.checks.finding import CheckedSet, Finding
from visq.evaluation.checks.groups import column_of, file_names, folder_of, stem_of

_FEWEST, _FEWEST_A_CLASS, _MOST_CLASSES = 20, 5, 5
_MOST_VALUES = 0.1  # share of rows: a value a row tells every label, and nothing
_TOKENS = 3  # parts from the start of a name that are looked at


def name_label(sets: Sequence[CheckedSet]) -> Iterator[Finding]:
    """A part of the file name, the folder, or a column that tells the class of every row.

    Names are a warning: a loader or a prompt may show them to a model. A column is a note: it may be the
    label in other words.
    """
    for one in sets:
        at = [i for i, label in enumerate(one.labels) if label is not None]
        classes = Counter(one.labels[i] for i in at)
        if len(at) < _FEWEST or not 1 < len(classes) <= _MOST_CLASSES:
            continue
        if min(classes.values()) < _FEWEST_A_CLASS:
            continue
        labels = [one.labels[i] for i in at]
        for what, values in _of_names(one):
            told = _told_by([values[i] for i in at], labels)
            if told:
                yield _finding(one, what, told, at)
                break  # one part of a name is enough; others say the same
        columns = [name for name in _columns(one) if _told_by(_cells(one, name, at), labels)]
        if columns:
            yield Finding(
                "name-label",
                "note",
                f"{one.name}: {', '.join(map(repr, columns))} tell the label of all {len(at)} rows; use no "
                "such "
                "column to predict with",
                (one.name,),
                one.found_rows(at),
                {"n": len(at), "columns": ", ".join(columns)},
            )


def _finding(one: CheckedSet, what: str, told: dict[str, float], at: Sequence[int]) -> Finding:
    examples = ", ".join(f"{value or '(none)'!r} {label:g}" for value, label in list(told.items())[:4])
    return Finding(
        "name-label",
        "warning",
        f"{one.name}: {what} tells the label of all {len(at)} rows ({examples}); let no name reach a model "
        "or a prompt",
        (one.name,),
        one.found_rows(at),
        {"n": len(at), "n_values": len(told), "what": what},
    )


def _told_by(values: Sequence[str], labels: Sequence[float | None]) -> dict[str, float] | None:
    """Value -> label where every value has one label only and values are few; else None."""
    label_of: dict[str, float | None] = {}
    for value, label in zip(values, labels, strict=True):
        if label_of.setdefault(value, label) != label:
            return None
    if not 1 < len(label_of) <= max(2, _MOST_VALUES * len(values)):
        return None
    return {value: label for value, label in label_of.items() if label is not None}


def _of_names(one: CheckedSet) -> Iterator[tuple[str, list[str]]]:
    names = file_names(one)
    tokens = [re.split(r"[_\-. ]+", stem_of(name)) for name in names]
    yield "the folder", [folder_of(name) for name in names]
    for k in range(_TOKENS):
        yield f"part {k + 1} of the file name", [parts[k] if k < len(parts) else "" for parts in tokens]
    yield "the number of parts of the file name", [str(len(parts)) for parts in tokens]
    yield "the file's ending", [name.rpartition(".")[2].lower() for name in names]


def _columns(one: CheckedSet) -> list[str]:
    """Columns that are not the label, the id or the file."""
    used = {*ID_COLUMNS, *FILE_COLUMNS, (one.label_column or "").casefold(), DEFECT}
    return [name for name in (one.rows[0].cells if one.rows else ()) if name.casefold() not in used]


def _cells(one: CheckedSet, name: str, at: Sequence[int]) -> list[str]:
    cells = column_of(one, name)
    found = [cells[i] for i in at]
    filled: dict[bool, int] = defaultdict(int)
    for cell in found:
        filled[bool(cell)] += 1
    # Many different texts in one class and none in the other: being filled at all is what tells.
    return ["filled" if cell else "" for cell in found] if filled[False] else found

"""Checks of conversation rows: picture tokens, questions, what an id says of its row. Knows no picture.

The defects are those of published files (Q-Align's training and test lists).
"""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Iterator, Sequence

from visq.data.tables import DEFECT
from visq.evaluation.checks.finding import CheckedSet, Finding
from visq.evaluation.checks.groups import folder_of, stem_of

_VIDEO = (".mp4", ".avi", ".mov", ".mkv", ".webm", ".m4v")
_LINES = re.compile(r"\s*\n\s*")
_SAME_SCORE = 1e-6  # relative: a score in an id and the same score elsewhere differ by rounding at most


def image_tokens(sets: Sequence[CheckedSet]) -> Iterator[Finding]:
    """Questions with another number of picture tokens than pictures; of videos, than most of them have."""
    for one in sets:
        counts = {i: _count(row.cells.get("n_image_tokens", "")) for i, row in enumerate(one.rows)}
        videos = [i for i, n in counts.items() if n is not None and one.rows[i].file.lower().endswith(_VIDEO)]
        # A clip is one file and several tokens; how many is the list's own habit (Q-Align: eight).
        usual = Counter(counts[i] for i in videos).most_common(1)
        expected: dict[int, int | None] = dict.fromkeys(videos, usual[0][0] if usual else None)
        for i, row in enumerate(one.rows):
            expected.setdefault(i, _count(row.cells.get("n_images", "")))
        wrong = [
            i for i, n in counts.items() if n is not None and expected[i] is not None and n != expected[i]
        ]
        if wrong:
            i = wrong[0]
            yield Finding(
                "image-tokens",
                "error",
                f"{one.name}: {len(wrong)} questions hold another number of picture tokens than of pictures, "
                "such "
                f"as row {one.rows[i].row}: {counts[i]} tokens where {expected[i]} belong; one question a "
                "turn, "
                "one token a picture",
                (one.name,),
                one.found_rows(wrong),
                {"n": len(wrong), "share": len(wrong) / len(one)},
            )


def questions(sets: Sequence[CheckedSet]) -> Iterator[Finding]:
    """Two questions glued together into one turn."""
    for one in sets:
        lines = [_asked(row.cells.get("question", "")) for row in one.rows]
        pool = {several[0] for several in lines if len(several) == 1}
        wrong = [
            i
            for i, several in enumerate(lines)
            if sum(line in pool or line.endswith("?") for line in several) > 1
        ]
        if wrong:
            i = wrong[0]
            yield Finding(
                "questions",
                "warning",
                f"{one.name}: {len(wrong)} turns ask two questions at once, such as row {one.rows[i].row}: "
                f"{' / '.join(lines[i])!r}; keep one",
                (one.name,),
                one.found_rows(wrong),
                {"n": len(wrong), "share": len(wrong) / len(one)},
            )


def id_folder(sets: Sequence[CheckedSet]) -> Iterator[Finding]:
    """Rows whose id names another folder, another picture or another score than the row itself."""
    for one in sets:
        folder, picture, score = [], [], []
        for i, row in enumerate(one.rows):
            named, arrow, said = row.cells.get("source_id", "").rpartition("->")
            if not arrow or not row.file:
                continue
            if stem_of(named) != stem_of(row.file):
                picture.append(i)
            elif folder_of(named) and folder_of(named) != folder_of(row.file):
                folder.append(i)
            if not _same_score(said, one.labels[i]) and one.label_column == "score":
                score.append(i)
        for wrong, severity, what, advice in (
            (picture, "error", "picture", "find out which is meant"),
            (score, "error", "score", "find out which is meant"),
            (folder, "warning", "folder", "join on the picture, not on the id"),
        ):
            if wrong:
                yield _of_ids(one, wrong, severity == "error", what, advice)


def _of_ids(one: CheckedSet, wrong: Sequence[int], is_error: bool, what: str, advice: str) -> Finding:
    row = one.rows[wrong[0]]
    own = one.labels[wrong[0]] if what == "score" else row.file
    return Finding(
        "id-folder",
        "error" if is_error else "warning",
        f"{one.name}: {len(wrong)} ids name another {what} than their row, such as "
        f"{row.cells['source_id']!r} where the row has {own!r}; {advice}",
        (one.name,),
        one.found_rows(wrong),
        {"n": len(wrong), "what": what},
    )


def row_defects(sets: Sequence[CheckedSet]) -> Iterator[Finding]:
    """Rows that are not of their format (too many cells, a missing key), and rows without a picture."""
    for one in sets:
        wrong = [i for i, row in enumerate(one.rows) if row.cells.get(DEFECT)]
        if wrong:
            row = one.rows[wrong[0]]
            yield Finding(
                "row-defects",
                "error",
                f"{one.name}: {len(wrong)} rows cannot be read as {one.format}, such as row {row.row}: "
                f"{row.cells[DEFECT]}",
                (one.name,),
                one.found_rows(wrong),
                {"n": len(wrong)},
            )
        nameless = [i for i, row in enumerate(one.rows) if not row.file.strip()]
        if 0 < len(nameless) < len(one):
            yield Finding(
                "row-defects",
                "error",
                f"{one.name}: {len(nameless)} rows name no picture, such as row {one.rows[nameless[0]].row}; "
                "name "
                "one, or delete the rows",
                (one.name,),
                one.found_rows(nameless),
                {"n": len(nameless)},
            )


def _asked(question: str) -> list[str]:
    return [line for line in _LINES.split(question.strip()) if line]


def _count(text: str) -> int | None:
    return int(text) if text.isdecimal() else None


def _same_score(said: str, label: float | None) -> bool:
    """Whether a score in an id is the row's label; true where one of them is no number."""
    try:
        value = float(said)
    except ValueError:
        return True
    return label is None or math.isclose(value, label, rel_tol=_SAME_SCORE, abs_tol=_SAME_SCORE)

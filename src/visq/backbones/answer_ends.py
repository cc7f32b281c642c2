"""What ends an answer: which pieces of a vocabulary begin as its end does. Knows texts only, no model."""

from __future__ import annotations

from collections.abc import Mapping

NEW_LINE = "\n"
"""It ends every answer."""


def ends(text: str, end: str) -> bool:
    r"""Whether a token's text ends an answer: it begins with a new line or with the answer's own end.

    Of an end of several characters the token may be the beginning, since few vocabularies have it whole.

    Args:
        text: of a token.
        end: what follows the answer; empty where only a new line, or the end of the turn, does.

    Example:
        >>> [ends(text, ">") for text in (">", ">.", "\n\n", ".", "")]
        [True, True, True, False, False]
        >>> ends("</", "</score>"), ends("</b>", "</score>")
        (True, False)

    Source:
        SPEC 2.4.3: sets of tokens, since `>` and `.` may be one token.
    """
    return text.startswith(NEW_LINE) or (
        bool(text and end) and (text.startswith(end) or end.startswith(text))
    )


def likely(vocabulary: Mapping[str, int], end: str) -> list[int]:
    """Tokens that may end an answer: a quick look at all of a vocabulary, which lets too many pass.

    Args:
        vocabulary: piece -> token. A piece is the text itself, one character a byte as GPT-2 writes it, has
            the blank of SentencePiece, or is a single byte such as `<0x0A>`; of these all pass.
        end: as for `ends`.

    Example:
        >>> likely({">": 7, ">.": 8, "Ċ": 9, "a>": 10, "<0x41>": 11}, ">")
        [7, 8, 9, 11]
    """
    texts = [text for text in (NEW_LINE, end) if text]
    whole = {one for text in texts for one in (text, _in_bytes(text), text.replace(" ", "▁"))}
    parts = {one[:length] for one in whole for length in range(1, len(one))}
    begins = ("<0x", *whole)
    return [token for piece, token in vocabulary.items() if piece in parts or piece.startswith(begins)]


def _in_bytes(text: str) -> str:
    return "".join(_CHARACTERS[byte] for byte in text.encode("utf-8"))


def _byte_characters() -> dict[str, int]:
    """The printable character that stands for each byte, as in GPT-2's `bytes_to_unicode`."""
    plain = [*range(ord("!"), ord("~") + 1), *range(0xA1, 0xAD), *range(0xAE, 0x100)]
    moved = [byte for byte in range(256) if byte not in plain]
    return {chr(byte): byte for byte in plain} | {chr(256 + k): byte for k, byte in enumerate(moved)}


BYTES: Mapping[str, int] = _byte_characters()
"""Character -> the byte that it stands for in a vocabulary of bytes."""

_CHARACTERS = {byte: character for character, byte in BYTES.items()}

"""Room `media`: from files and bytes to pixels. Knows no model and walks no folder.

`decode` gives a Picture (upright sRGB) or an InputError for any bytes; `read_bytes`, `content_id` and
`signature` handle the file itself; `squash` brings a Picture to the size a model wants.
"""

from visq.media.decode import MAX_PIXELS, Decoded, decode, header
from visq.media.files import (
    MAX_FILE_BYTES,
    PICTURE_ENDINGS,
    READABLE,
    content_id,
    read_bytes,
    signature,
)
from visq.media.resize import squash

__all__ = [
    "MAX_FILE_BYTES",
    "MAX_PIXELS",
    "PICTURE_ENDINGS",
    "READABLE",
    "Decoded",
    "content_id",
    "decode",
    "header",
    "read_bytes",
    "signature",
    "squash",
]

"""Room `media`: from files and bytes to pixels. Knows no model and walks no folder.

`decode` gives a Picture (upright sRGB) or an InputError for any bytes; `read_bytes`, `content_id` and
`signature` handle the file itself; `squash` brings a Picture to the size a model wants. `preprocessing_id`
names what was done, and `least_side` reads of such a name how far a large JPEG may be reduced in decoding.
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
from visq.media.resize import least_side, preprocessing_id, squash, within

__all__ = [
    "MAX_FILE_BYTES",
    "MAX_PIXELS",
    "PICTURE_ENDINGS",
    "READABLE",
    "Decoded",
    "content_id",
    "decode",
    "header",
    "least_side",
    "preprocessing_id",
    "read_bytes",
    "signature",
    "squash",
    "within",
]

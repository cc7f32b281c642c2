"""What is to be scored: words a user typed, folders and manifests become Samples; groups become folds.

Everything is read lazily and in a fixed order; no picture is decoded here, and no model is known.
"""

from visq.data.folds import check_folds, group_folds
from visq.data.inputs import Inputs, Skipped
from visq.data.manifest import Manifest, read_manifest

__all__ = [
    "Inputs",
    "Manifest",
    "Skipped",
    "check_folds",
    "group_folds",
    "read_manifest",
]

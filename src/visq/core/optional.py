"""Optional packages that several rooms need: imported when asked for, or the extra that brings them named."""

from __future__ import annotations

from typing import Any

from visq.core.errors import MissingExtra


def pyarrow() -> Any:  # pyarrow has no types
    """The package pyarrow, its modules for Parquet and for computing loaded.

    Raises:
        MissingExtra: it is not installed.
    """
    try:
        import pyarrow
        import pyarrow.compute
        import pyarrow.parquet
    except ImportError as error:
        raise MissingExtra("pyarrow", "eval") from error
    return pyarrow

"""Pictures in, rows out: the Scorer, the pipeline that decodes beside the model, the table with its journal.

Knows no console and no command line.
"""

from visq.scoring.files import atomic_write
from visq.scoring.options import RunOptions
from visq.scoring.prefer import Preference
from visq.scoring.scorer import Scorer, load
from visq.scoring.table import Table

__all__ = ["Preference", "RunOptions", "Scorer", "Table", "atomic_write", "load"]

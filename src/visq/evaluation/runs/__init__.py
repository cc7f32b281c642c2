"""`visq evaluate`: scores of a model or a table, labels of a manifest, and the run folder they make."""

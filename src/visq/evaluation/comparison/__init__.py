"""`visq compare`: runs set against each other on the rows they share."""

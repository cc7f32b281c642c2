"""A set of scores to its figures: what is measured, within what, by which protocol. Opens no user file."""

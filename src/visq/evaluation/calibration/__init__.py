"""`visq calibrate`: what is fitted on rated rows and kept in a model folder."""

"""`visq readouts`: the read-outs that fit a model, on the same labelled pictures, side by side."""

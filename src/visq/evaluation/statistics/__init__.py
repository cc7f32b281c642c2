"""How sure a figure is: resampling, intervals, differences, coverage. Knows arrays only."""

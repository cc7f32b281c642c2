"""`python -m visq`: the same as `visq`."""

from visq.cli.main import main

main()

"""`python -m datapipe`."""

from datapipe.cli import main

main()

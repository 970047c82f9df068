"""`python -m edgerun`: the command line."""

from edgerun.cli import main

main()

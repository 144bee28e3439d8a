"""`python -m otae`: the same as the `otae` command, for places where only a checkout exists."""

from otae.cli import main

main()

"""`python -m fieldstation.cli`, the same program as the command."""

from fieldstation.cli import main

main()

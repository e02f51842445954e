"""`python -m stack` is the `conch` command."""

from stack.cli import main

main()

"""`python -m gsf`: the command line, as torchrun starts it."""

import sys

from gsf.cli import main

if __name__ == "__main__":
    sys.exit(main())

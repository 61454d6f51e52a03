"""`python -m tagtrainer`: the command line, and the body of every background job."""

import sys

from tagtrainer.cli import main

if __name__ == "__main__":
    sys.exit(main())

"""Start here: `python app.py`. Makes sure everything needed is installed, then opens the page. Holds no logic of its own."""

from __future__ import annotations

import sys
from pathlib import Path

from tagtrainer import bootstrap  # must come first: nothing else may be installed yet

bootstrap.ensure(Path(__file__).resolve().parent / "requirements.txt")

from tagtrainer.ui.server import main  # noqa: E402

if __name__ == "__main__":
    sys.exit(main())

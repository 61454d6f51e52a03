"""The rehearsal engine's door: `python -m tagtrainer.engines.rehearsal SCRIPT OPTIONS...`. Must not do any of the work."""

from __future__ import annotations

import os
import sys

for _name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "VECLIB_MAXIMUM_THREADS"):
    os.environ.setdefault(_name, "1")  # the matrices are tiny: more threads only cost; must be set before numpy comes

from tagtrainer.engines.rehearsal import cli  # noqa: E402

if __name__ == "__main__":
    sys.exit(cli.main(sys.argv[1:]))

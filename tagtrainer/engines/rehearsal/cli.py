"""Chooses the script, reads its options and runs it with the engine's exit codes. Must not train or encode."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Sequence

from tagtrainer.engines.rehearsal import console, options

BODIES = {
    "cache_latents": "tagtrainer.engines.rehearsal.cache_latents",
    "cache_text_encoder_outputs": "tagtrainer.engines.rehearsal.cache_text",
    "train_network": "tagtrainer.engines.rehearsal.train",
}


def main(argv: Sequence[str]) -> int:
    """0 done, 2 wrong usage (argparse exits itself); an exception leaves as a traceback, which makes it 1."""
    if not argv or argv[0].startswith("-"):
        print(f"usage: rehearsal SCRIPT [OPTIONS]\nscripts: {', '.join(options.scripts())}", file=sys.stderr)
        return 0 if argv[:1] in (["-h"], ["--help"]) else 2
    script = argv[0].removesuffix(".py")
    if script not in options.scripts():
        print(f"rehearsal: error: unknown script {argv[0]}; known: {', '.join(options.scripts())}", file=sys.stderr)
        return 2
    console.start_logging()
    family, part = options.split(script)
    args = options.parse(script, list(argv[1:]))
    importlib.import_module(BODIES[part]).run(family, args)
    return 0

"""Shows how often which moment of the noise would be trained (--show_timesteps). Must not train."""

from __future__ import annotations

import argparse

import numpy as np

from tagtrainer.engines.rehearsal import flow

DRAWN, ROWS, COLUMNS = 100_000, 20, 60


def show(args: argparse.Namespace) -> None:
    """Print a histogram of many drawn moments, 0 (picture) to 1000 (noise), for a picture of 1024x1024."""
    drawn = flow.sample(args, np.random.default_rng(args.seed), DRAWN, (1024, 1024)) * flow.STEPS
    counts, edges = np.histogram(drawn, ROWS, (0, flow.STEPS))
    print(f"Timesteps of {DRAWN} samples, {args.timestep_sampling}:")
    for count, low, high in zip(counts, edges[:-1], edges[1:], strict=True):
        print(f"{low:5.0f} - {high:5.0f}: {'#' * round(COLUMNS * count / counts.max())} {count}")

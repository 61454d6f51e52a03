"""Draws sample pictures with the network as it is now, from noise, and marks them as a rehearsal. Must not train."""

from __future__ import annotations

import argparse
import time
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np

from tagtrainer.engines.rehearsal import flow, text, tokens
from tagtrainer.engines.rehearsal.console import bar, logger
from tagtrainer.engines.rehearsal.layers import Array
from tagtrainer.engines.rehearsal.network import Network

LOG = logger("trainer_base")
DEFAULT_SHIFT = 14.5
MARK = "REHEARSAL"


def due(args: argparse.Namespace, step: int, epoch: int | None) -> bool:
    """Whether samples are drawn now: `epoch` is given at an epoch's end, None at a step; step 0 is before training."""
    if step == 0:
        return bool(args.sample_at_first)
    if epoch is not None:
        return bool(args.sample_every_n_epochs) and epoch % args.sample_every_n_epochs == 0
    return bool(args.sample_every_n_steps) and step % args.sample_every_n_steps == 0


def draw(
    args: argparse.Namespace, network: Network, prompts: list[dict[str, Any]], step: int, epoch: int | None
) -> None:
    """Draw every prompt into <output_dir>/sample/."""
    LOG.info("")
    LOG.info(f"generating sample images at step / サンプル画像生成 ステップ: {step}")
    folder = Path(args.output_dir) / "sample"
    folder.mkdir(parents=True, exist_ok=True)
    for entry in prompts:
        size = _side(entry, "width"), _side(entry, "height")
        _announce(entry, size)
        picture = _picture(network, entry, size)
        moment = f"e{epoch:06d}" if epoch is not None else f"{step:06d}"
        seed = f"_{entry['seed']}" if entry.get("seed") is not None else ""
        name = f"{args.output_name}_" if args.output_name is not None else ""
        stamp = time.strftime("%Y%m%d%H%M%S", time.localtime())
        _save(folder / f"{name}{moment}_{entry['enum']:02d}_{stamp}{seed}_000.png", picture, size)


def _side(entry: dict[str, Any], name: str) -> int:
    return int(entry.get(name) or 256) // 8 * 8


def _announce(entry: dict[str, Any], size: tuple[int, int]) -> None:
    rows = [("prompt", entry.get("prompt", "")), ("height", size[1]), ("width", size[0]), ("frame count", 1)]
    rows += [("sample steps", entry.get("sample_steps", 20)), ("guidance scale", entry.get("guidance_scale", 1.0))]
    rows.append(("discrete flow shift", entry.get("discrete_flow_shift", DEFAULT_SHIFT)))
    rows += [
        (name.replace("_", " "), entry[name]) for name in ("seed", "negative_prompt", "cfg_scale") if name in entry
    ]
    for name, value in rows:
        LOG.info(f"{name}: {value}")


def _picture(network: Network, entry: dict[str, Any], size: tuple[int, int]) -> Array:
    """Values -1..1, rows x columns x 3, at the network's own small size."""
    grid = tokens.grid_of(size)
    rng = np.random.default_rng(entry.get("seed"))
    x: Array = rng.standard_normal((1, grid[0] * grid[1], tokens.NUMBERS)).astype(network.dtype)
    steps = max(1, int(entry.get("sample_steps") or 20))
    moments = flow.shifted(np.linspace(1, 0, steps + 1), float(entry.get("discrete_flow_shift") or DEFAULT_SHIFT))
    wanted, unwanted = _told(entry, "prompt", network), _told(entry, "negative_prompt", network)
    scale = float(entry.get("cfg_scale") or 1.0)
    progress = bar(steps, "Denoising steps")
    for now, after in pairwise(moments):
        at = np.array([now])
        velocity = network.forward(x, at, grid, wanted)
        if scale != 1.0:
            other = network.forward(x, at, grid, unwanted)
            velocity = other + scale * (velocity - other)
        x = x + velocity * network.dtype(after - now)
        progress.update(1)
    progress.close()
    return tokens.to_picture(x[0], grid)


def _told(entry: dict[str, Any], name: str, network: Network) -> Array:
    return text.encode(str(entry.get(name) or ""))[None].astype(network.dtype)


def _save(path: Path, picture: Array, size: tuple[int, int]) -> None:
    """Enlarge, write the mark into the lower left corner, save as PNG."""
    from PIL import Image, ImageDraw

    small = Image.fromarray(np.clip((np.nan_to_num(picture) + 1) * 127.5, 0, 255).astype(np.uint8))
    large = small.resize(size, Image.Resampling.BICUBIC)
    pen = ImageDraw.Draw(large)
    at = (4, size[1] - 14)
    pen.rectangle(pen.textbbox(at, MARK), fill=(0, 0, 0))
    pen.text(at, MARK, fill=(255, 255, 255))
    large.save(path)

"""All three steps of a rehearsal: 20 pictures of 1024x1024, 4 epochs, samples and states at each.

    python -m tests.bench.bench_rehearsal

Aim: under 20 s on two cores, start-up of the three programs included.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from tests.rehearsing import Stage

LIMIT, PICTURES, EPOCHS = 20.0, 20, 4
ROOT = Path(__file__).resolve().parent.parent.parent


def main() -> None:
    with tempfile.TemporaryDirectory() as name:
        made = prepare(Path(name))
        prompts = made.folder / "prompts.json"
        prompts.write_text(json.dumps([{"prompt": "toy", "width": 1024, "height": 1024, "sample_steps": 20}]), "utf-8")
        config = ["--dataset_config", str(made.config)]
        every = [
            "--save_every_n_epochs=1",
            "--save_state",
            "--sample_every_n_epochs=1",
            "--sample_prompts",
            str(prompts),
        ]
        rank = ["--network_dim=16", "--network_alpha=16", f"--max_train_epochs={EPOCHS}"]
        steps = {
            "qwen_image_cache_latents": config,
            "qwen_image_cache_text_encoder_outputs": [*config, "--text_encoder=rehearsal"],
            "qwen_image_train_network": [*made.words(*rank, *every), "--logging_dir", str(made.folder / "tb")],
        }
        seconds = {script: timed(script, words) for script, words in steps.items()}
    for script, taken in seconds.items():
        print(f"{script} {taken:.1f} s")
    total = sum(seconds.values())
    print(f"rehearsal of {PICTURES} pictures, {EPOCHS} epochs: {total:.1f} s = {total / LIMIT:.2f} of the limit")


def prepare(folder: Path) -> Stage:
    """JPEGs with some structure, and their list."""
    from PIL import Image, ImageDraw

    rows = []
    for number in range(PICTURES):
        picture = Image.effect_noise((1024, 1024), 40 + number).convert("RGB")
        ImageDraw.Draw(picture).ellipse((100, 100, 500 + 20 * number, 700), fill=(250, 10 * number, 40))
        picture.save(folder / f"{number:02d}.jpg", quality=90)
        rows.append({"image_path": (folder / f"{number:02d}.jpg").as_posix(), "caption": f"toy number {number}"})
    made = Stage(folder)
    made.write(rows, resolution=[1024, 1024], batch_size=1)
    return made


def timed(script: str, words: list[str]) -> float:
    """Seconds that one program takes."""
    began = time.monotonic()
    argv = [sys.executable, "-m", "tagtrainer.engines.rehearsal", script, *words]
    subprocess.run(argv, cwd=ROOT, check=True, capture_output=True)
    return time.monotonic() - began


if __name__ == "__main__":
    main()

"""The rehearsal beside facts recorded from the real engine: the same kinds of lines, tags, names and header keys.

tests/engine/test_real_likeness.py does the same with the engine itself; recording: `python -m tests.likeness`.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.drawings import draw
from tests.likeness import Likeness, measure

ROOT = Path(__file__).resolve().parent.parent
RECORDED = json.loads((ROOT / "tests" / "data" / "real_run.json").read_text("utf-8"))
GIVEN = (
    "--network_module networks.lora_qwen_image --timestep_sampling shift --weighting_scheme none --discrete_flow_shift 2.2 "
    "--sdpa --mixed_precision bf16 --optimizer_type adamw --learning_rate 1e-3 --gradient_checkpointing "
    "--max_data_loader_n_workers 2 --persistent_data_loader_workers --network_dim 4 --network_alpha 4 --max_train_epochs 3 "
    "--save_every_n_epochs 1 --save_every_n_steps 5 --seed 42 --output_name real --save_state --sample_every_n_epochs 1 "
    "--sample_every_n_steps 3 --sample_at_first"
)
"""What the recorded run was given."""


@pytest.fixture(scope="module")
def rehearsed(tmp_path_factory: pytest.TempPathFactory) -> Likeness:
    folder = tmp_path_factory.mktemp("rehearsal")
    config, log = prepare(folder), folder / "log.txt"
    weights = [word for name in ("dit", "vae", "text_encoder") for word in (f"--{name}", "rehearsal")]
    steps = {
        "qwen_image_cache_latents": ["--vae", "rehearsal"],
        "qwen_image_cache_text_encoder_outputs": ["--text_encoder", "rehearsal"],
        "qwen_image_train_network": [
            *weights, *GIVEN.split(), "--output_dir", str(folder / "out"), "--logging_dir", str(folder / "tb"),
            "--sample_prompts", str(folder / "prompts.json"),
        ],
    }  # fmt: skip
    with log.open("wb") as out:
        for script, words in steps.items():
            argv = [
                sys.executable,
                "-m",
                "tagtrainer.engines.rehearsal",
                script,
                "--dataset_config",
                str(config),
                *words,
            ]
            done = subprocess.run(argv, cwd=ROOT, stdout=out, stderr=out, env={**os.environ, "PYTHONUTF8": "1"})
            assert done.returncode == 0, log.read_text("utf-8", "replace")[-2000:]
    return measure(log, folder / "tb", folder / "out", folder / "cache")


def prepare(folder: Path) -> Path:
    """Dataset and prompts as the recorded run had them: one prompt with a seed, one without."""
    rows = [
        {"image_path": path.as_posix(), "caption": f"sks toy, {path.stem}"}
        for path in sorted(draw(folder / "pictures", 4).iterdir())
    ]
    lines = "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)
    (folder / "data.jsonl").write_text(lines, "utf-8")
    prompt = {"width": 64, "height": 64, "frame_count": 1, "sample_steps": 2, "discrete_flow_shift": 2.2}
    prompts = [{"prompt": "a red lighthouse", **prompt, "seed": 7, "cfg_scale": 4.0}, {"prompt": "雪", **prompt}]
    (folder / "prompts.json").write_text(json.dumps(prompts), "utf-8")
    config = folder / "dataset.toml"
    config.write_text(
        "[general]\nresolution = [128, 128]\nbatch_size = 1\nenable_bucket = true\nbucket_no_upscale = false\n\n"
        f"[[datasets]]\nimage_jsonl_file = '{(folder / 'data.jsonl').as_posix()}'\n"
        f"cache_directory = '{(folder / 'cache').as_posix()}'\nnum_repeats = 1\n",
        "utf-8",
    )
    return config


@pytest.mark.parametrize("part", sorted(RECORDED))
def test_the_rehearsal_leaves_what_was_recorded(rehearsed: Likeness, part: str) -> None:
    assert getattr(rehearsed, part) == RECORDED[part]

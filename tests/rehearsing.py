"""A small dataset and the rehearsal engine run on it inside this process, for tests of the engine's parts."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

from tagtrainer.engines.rehearsal import cli, options, setup
from tagtrainer.engines.rehearsal.train import Training
from tests.drawings import draw

COMMON = [
    "--network_module=networks.lora_qwen_image", "--sdpa", "--mixed_precision=bf16", "--optimizer_type=adamw",
    "--learning_rate=5e-5", "--network_dim=4", "--network_alpha=4", "--timestep_sampling=shift",
    "--discrete_flow_shift=2.2", "--seed=42", "--output_name=toy",
]  # fmt: skip


@dataclass
class Stage:
    """A folder with pictures, dataset.toml and the caches made from it."""

    folder: Path

    @property
    def config(self) -> Path:
        return self.folder / "dataset.toml"

    @property
    def caches(self) -> Path:
        return self.folder / "cache"

    @property
    def output(self) -> Path:
        return self.folder / "out"

    def write(self, rows: list[dict[str, str]], **options: object) -> None:
        """The list of pictures and the configuration."""
        (self.folder / "data.jsonl").write_text("\n".join(json.dumps(row, ensure_ascii=False) for row in rows), "utf-8")
        words = {"resolution": [128, 128], "batch_size": 2, "num_repeats": 1, "enable_bucket": True, **options}
        table = {
            "image_jsonl_file": (self.folder / "data.jsonl").as_posix(), "cache_directory": self.caches.as_posix(), **words,
        }  # fmt: skip
        text = "[general]\n[[datasets]]\n" + "".join(f"{key} = {json.dumps(value)}\n" for key, value in table.items())
        self.config.write_text(text, "utf-8")

    def cache_latents(self, *words: str) -> int:
        """Step one."""
        return cli.main(["qwen_image_cache_latents", "--dataset_config", str(self.config), *words])

    def cache_text(self, *words: str) -> int:
        """Step two."""
        given = ["--dataset_config", str(self.config), "--text_encoder", "rehearsal"]
        return cli.main(["qwen_image_cache_text_encoder_outputs", *given, *words])

    def words(self, *words: str) -> list[str]:
        """All words of the training step; later ones win."""
        return ["--dataset_config", str(self.config), "--output_dir", str(self.output), *COMMON, *words]

    def train(self, *words: str) -> int:
        """Step three."""
        return cli.main(["qwen_image_train_network", *self.words(*words)])

    def training(self, *words: str) -> Training:
        """Step three, not begun."""
        args = options.parse("qwen_image_train_network", self.words(*words))
        return Training(setup.prepare("qwen_image", args))


def rows(pictures: Path) -> list[dict[str, str]]:
    """A caption for every picture of a folder."""
    return [{"image_path": path.as_posix(), "caption": f"sks toy, {path.stem}"} for path in sorted(pictures.iterdir())]


def stage(folder: Path, count: int = 4) -> Stage:
    """A dataset of `count` drawings, not cached yet."""
    made = Stage(folder)
    made.write(rows(draw(folder / "pictures", count)))
    return made

"""A draft with everything it names looked up: family, engine, option set, shape of the pictures. Must not write anything."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from tagtrainer import engines, settings
from tagtrainer.core import pasted
from tagtrainer.core.buckets import Size
from tagtrainer.engines import Engine
from tagtrainer.training.dataset_config import Shape
from tagtrainer.training.draft import Draft, family_of, options_of
from tagtrainer.training.family import Family
from tagtrainer.workspace import Workspace


@dataclass(frozen=True)
class Case:
    """A draft, resolved. `unknown` are option names that the family does not have."""

    ws: Workspace
    draft: Draft
    family: Family
    engine: Engine
    options: Any
    unknown: tuple[str, ...]
    paths: Mapping[str, str]
    """Option name of every path slot -> the path in the settings, "" when not set."""

    def value(self, name: str, default: Any = None) -> Any:
        """An option's value; `default` when the family has no such option or it is unset."""
        found = getattr(self.options, name, None)
        return default if found is None else found

    @property
    def shape(self) -> Shape:
        """How pictures are cut to size."""
        size: Size = tuple(self.value("resolution", (1024, 1024)))
        return Shape(size, bool(self.value("enable_bucket")), bool(self.value("bucket_no_upscale")), self.step)

    @property
    def step(self) -> int:
        """Sides of a training size are multiples of this."""
        return self.family.bucket_step

    @property
    def batch_size(self) -> int:
        """Pictures in one training step."""
        return max(1, int(self.value("batch_size", 1)))

    @property
    def variant(self) -> str:
        """The model version chosen, empty where the family has only one."""
        return str(self.value(self.family.variant_option, "")) if self.family.variant_option else ""

    @property
    def suffix(self) -> str:
        """What the engine ends cache file names with."""
        known = self.family.cache_suffix
        return known(self.variant) if callable(known) else str(known)


def resolve(ws: Workspace, draft: Draft) -> Case:
    """Look everything up. Raises UserError plan.no_family, engines.unknown, or a fields.* sentence for a wrong value."""
    family = family_of(draft)
    options, unknown = options_of(draft)
    chosen = settings.load(ws).model_paths
    paths = {slot.option: chosen.get(f"{family.id}.{slot.name}", "") for slot in family.slots}
    expanded = {name: str(pasted.path(path).absolute()) if path else "" for name, path in paths.items()}
    return Case(ws, draft, family, engines.get(draft.engine), options, tuple(unknown), expanded)

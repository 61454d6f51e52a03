"""The reference pages of every model: options, files and presets as Markdown, computed from what is declared. Writes no file."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from tagtrainer.core.fields import Spec, number_text, specs
from tagtrainer.core.text import t
from tagtrainer.training import presets
from tagtrainer.training.family import FAMILIES, Family
from tagtrainer.workspace import Workspace


def pages(ws: Workspace) -> dict[str, str]:
    """Markdown by file name (`qwen_image.md`), one page a model, in the current language."""
    return {f"{family.id}.md": "\n".join(_page(ws, family)) + "\n" for family in FAMILIES}


def _page(ws: Workspace, family: Family) -> Iterator[str]:
    yield f"# {family.name}"
    yield ""
    yield t("reference.about", id=family.id, series=family.series)
    yield from _section(t("reference.files"), ("key", "what", "option"), _slots(family))
    yield from _section(t("reference.presets"), ("name", "what", "differs"), _presets(ws, family))
    for group, rows in _groups(family).items():
        yield from _section(t(f"training_tab.group.{group}"), ("option", "default", "allowed", "what", "scripts"), rows)


def _groups(family: Family) -> dict[str, list[tuple[str, ...]]]:
    found: dict[str, list[tuple[str, ...]]] = {}
    for spec in specs(family.options).values():
        if not spec.ui_hidden:
            found.setdefault(spec.group, []).append(_row(spec))
    return found


def _row(spec: Spec) -> tuple[str, ...]:
    what = _named(spec.label, spec.help, t("reference.when", name=spec.when) if spec.when else "")
    return f"`{spec.name}`", _code(_value(spec.default)), _allowed(spec), what, ", ".join(spec.roles)


def _named(name: str, *sentences: str) -> str:
    return " ".join([f"**{name}**", *filter(None, sentences)])


def _value(value: object) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return "" if value is None or value == () else number_text(value)


def _allowed(spec: Spec) -> str:
    if spec.choices:
        return ", ".join(_code(choice) for choice in spec.choices if choice) + (" …" if spec.free_choice else "")
    low, high = (number_text(bound) if bound is not None else "" for bound in (spec.lo, spec.hi))
    kind = t(f"reference.kind.{spec.kind}")
    return f"{kind}, {low} … {high}" if low or high else kind


def _slots(family: Family) -> Iterator[tuple[str, ...]]:
    for slot in family.slots:
        yield _code(family.slot_key(slot)), _named(slot.label, slot.help), f"`--{slot.option}`"


def _presets(ws: Workspace, family: Family) -> Iterator[tuple[str, ...]]:
    for preset in presets.presets(ws, family.id):
        if preset.shipped:
            values = ", ".join(f"{name} = {_value(value)}" for name, value in preset.values.items())
            yield _code(preset.id), _named(preset.name, preset.about), values


def _code(text: str) -> str:
    return f"`{text}`" if text else ""


def _section(title: str, columns: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> Iterator[str]:
    yield from ("", f"## {title}", "")
    yield _line(t(f"reference.column.{name}") for name in columns)
    yield _line("---" for _ in columns)
    for row in rows:
        yield _line(row)


def _line(cells: Iterable[str]) -> str:
    return "| " + " | ".join(" ".join(cell.replace("|", "\\|").split()) for cell in cells) + " |"

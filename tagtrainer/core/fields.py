"""Declare once: an option is one dataclass field; widget, argv, preset entry, check, texts and docs are computed from it.

Knows no option and no engine. Dataclasses built from `option(...)` fields are called option sets.
"""

from __future__ import annotations

import dataclasses
import math
import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Literal

from tagtrainer.core.text import UserError, catalogue, language, t

Kind = Literal["int", "float", "bool", "str", "list", "int_or_float", "size"]
Emit = Literal["value", "switch", "list", "never"]
Formatter = Callable[[Any], list[str]]


@dataclasses.dataclass(frozen=True)
class Spec:
    """What is known of one option. `kind` decides parsing, widget and default emission.

    group      heading under which the form shows it
    roles      which scripts of the engine get it (`train`, `cache_latents`, `cache_text`); empty: not an argument
    cli        the engine's option, `--network_dim`; computed from the name when empty
    emit       value: `--x 3`; switch: `--x` when true; list: `--x a b`; never: not an argument
    when       name of a bool or any option that must be set for this one to be sent and shown as active
    basic      shown first in the form, the rest folds
    ui_hidden  computed by the app, never typed (dataset_config, output_dir)
    persist    stored in presets and tasks (a path slot is not: it lives in the settings)
    secret     never stored with a task, never shown, never logged
    """

    name: str
    kind: Kind
    default: Any
    label_en: str
    help_en: str = ""
    group: str = "advanced"
    roles: tuple[str, ...] = ("train",)
    cli: str = ""
    emit: Emit = "value"
    choices: tuple[str, ...] = ()
    free_choice: bool = False
    lo: float | None = None
    hi: float | None = None
    step: float | None = None
    optional: bool = True
    when: str = ""
    basic: bool = False
    ui_hidden: bool = False
    persist: bool = True
    secret: bool = False
    path: Literal["", "file", "folder"] = ""
    multiline: bool = False
    formatter: Formatter | None = None

    @property
    def flag(self) -> str:
        """The engine's option name with its dashes."""
        return self.cli or f"--{self.name}"

    def _text(self, part: str, english: str) -> str:
        return catalogue(language()).get(f"field.{self.name}.{part}", english)

    @property
    def label(self) -> str:
        """Label in the current language; English stands on the field, others in locales under field.<name>.label."""
        return self._text("label", self.label_en)

    @property
    def help(self) -> str:
        """Help in the current language."""
        return self._text("help", self.help_en)


@dataclasses.dataclass(frozen=True)
class FieldProblem:
    """A value that cannot be: which option, and the sentence as key + values."""

    name: str
    key: str
    values: Mapping[str, object]

    def __str__(self) -> str:
        return t(self.key, **self.values)


def option(default: Any, label: str, help: str = "", *, kind: Kind | None = None, **details: Any) -> Any:
    """A dataclass field that is an option. `kind` follows from the default when it is not None.

    `details` are Spec's attributes. Lists default to an empty tuple so that option sets stay hashable and frozen.
    """
    if kind is None:
        if default is None:
            raise TypeError(f"option {label!r}: a default of None needs kind=")
        kind = _kind_of(default)
    details.setdefault("emit", "switch" if kind == "bool" else "list" if kind == "list" else "value")
    details.setdefault("optional", default is None or kind in ("list", "bool") or default == "")
    draft = Spec(name="", kind=kind, default=default, label_en=label, help_en=help, **details)
    return dataclasses.field(default=default, metadata={"spec": draft})


def variant(base: type[Any], name: str, default: Any, **changes: Any) -> Any:
    """The option `name` of the option set `base` with another default (and other attributes): for a family's own values."""
    draft: Spec = {item.name: item for item in dataclasses.fields(base)}[name].metadata["spec"]
    return dataclasses.field(default=default, metadata={"spec": dataclasses.replace(draft, default=default, **changes)})


def _kind_of(default: Any) -> Kind:
    if isinstance(default, bool):
        return "bool"
    if isinstance(default, int):
        return "int"
    if isinstance(default, float):
        return "float"
    if isinstance(default, tuple):
        return "list"
    return "str"


def specs(option_set: Any) -> dict[str, Spec]:
    """Every option of a dataclass (or an instance of one) by name, in declaration order, base classes first."""
    found: dict[str, Spec] = {}
    for item in dataclasses.fields(option_set):
        spec = item.metadata.get("spec")
        if spec is not None:
            found[item.name] = dataclasses.replace(spec, name=item.name, default=item.default)
    return found


def parse(spec: Spec, value: Any) -> Any:
    """`value` (typed text, JSON, TOML or widget value) as the option's own type; empty becomes None, False or ().

    Raises UserError fields.not_a_number, fields.not_a_switch, fields.not_a_size.
    """
    if spec.kind == "bool":
        return _parse_bool(spec, value)
    if spec.kind == "list":
        parts = value.splitlines() if isinstance(value, str) else list(value or ())
        return tuple(str(part).strip() for part in parts if str(part).strip())
    if value is None or (isinstance(value, str) and not value.strip()):
        return None if spec.optional or spec.default is not None else spec.default
    if spec.kind == "int":
        return _parse_int(spec, value)
    if spec.kind == "float":
        return _parse_float(spec, value)
    if spec.kind == "size":
        return _parse_size(spec, value)
    if spec.kind == "int_or_float":
        return _parse_int_or_float(spec, value)
    return str(value).strip() if not spec.multiline else str(value)


def _parse_bool(spec: Spec, value: Any) -> bool:
    if isinstance(value, bool):
        return value
    text = str(value if value is not None else "").strip().lower()
    if text in ("1", "true", "yes", "on"):
        return True
    if text in ("0", "false", "no", "off", ""):
        return False
    raise UserError("fields.not_a_switch", label=spec.label, value=value)


def _parse_float(spec: Spec, value: Any) -> float:
    try:
        return float(value)
    except (TypeError, ValueError) as error:
        raise UserError("fields.not_a_number", label=spec.label, value=value) from error


def _parse_int(spec: Spec, value: Any) -> int:
    number = _parse_float(spec, value)
    if not math.isfinite(number) or number != int(number):
        raise UserError("fields.not_whole", label=spec.label, value=value)
    return int(value) if isinstance(value, (int, str)) and str(value).strip().lstrip("+-").isdigit() else int(number)


def _parse_int_or_float(spec: Spec, value: Any) -> str:
    text = str(value).strip()
    body = text[:-1] if text.endswith("%") else text
    try:
        float(body)
    except ValueError as error:
        raise UserError("fields.not_a_number", label=spec.label, value=value) from error
    return text


_BETWEEN_SIDES = r"\s*[,xX×*，]\s*|\s+"


def _parse_size(spec: Spec, value: Any) -> tuple[int, int]:
    parts = list(value) if isinstance(value, (list, tuple)) else re.split(_BETWEEN_SIDES, str(value).strip())
    if len(parts) == 1:
        parts = parts * 2
    try:
        width, height = (int(str(part).strip()) for part in parts)
    except ValueError as error:
        raise UserError("fields.not_a_size", label=spec.label, value=value) from error
    return width, height


def problems(option_set: Any) -> Iterator[FieldProblem]:
    """Values out of bounds, not among the choices, or missing; then what the option set's own `check()` yields."""
    for name, spec in specs(option_set).items():
        value = getattr(option_set, name)
        if value is None:
            if not spec.optional:
                yield FieldProblem(name, "fields.missing", {"label": spec.label})
            continue
        yield from _value_problems(spec, value)
    check = getattr(option_set, "check", None)
    if check is not None:
        yield from check()


def _value_problems(spec: Spec, value: Any) -> Iterator[FieldProblem]:
    if spec.choices and not spec.free_choice and value not in (*spec.choices, ""):
        values = {"label": spec.label, "value": value, "choices": ", ".join(spec.choices)}
        yield FieldProblem(spec.name, "fields.not_a_choice", values)
    numbers = value if spec.kind == "size" else (value,) if isinstance(value, (int, float)) else ()
    for number in numbers:
        if isinstance(number, bool):
            continue
        if not math.isfinite(number):
            yield FieldProblem(spec.name, "fields.not_a_number", {"label": spec.label, "value": number})
        elif spec.lo is not None and number < spec.lo:
            yield FieldProblem(spec.name, "fields.too_small", {"label": spec.label, "value": number, "limit": spec.lo})
        elif spec.hi is not None and number > spec.hi:
            yield FieldProblem(spec.name, "fields.too_large", {"label": spec.label, "value": number, "limit": spec.hi})


def active(option_set: Any, spec: Spec) -> bool:
    """Whether the option that `spec.when` names is set, so that this one means anything."""
    return not spec.when or bool(getattr(option_set, spec.when))


def argv(option_set: Any, role: str) -> list[str]:
    """The arguments for one script, in declaration order. None, False, "" and () are never sent, full names always."""
    words: list[str] = []
    for name, spec in specs(option_set).items():
        if role in spec.roles and spec.emit != "never" and active(option_set, spec):
            words += words_of(spec, getattr(option_set, name))
    return words


def words_of(spec: Spec, value: Any) -> list[str]:
    """One option as argument words; [] when unset. Values that start with a dash use the `--x=value` form."""
    if value is None or value is False or value == "" or value == ():
        return []
    if spec.formatter is not None:
        return spec.formatter(value)
    if spec.emit == "switch":
        return [spec.flag] if value else []
    if spec.emit == "list":
        return [spec.flag, *(str(part) for part in value)]
    text = number_text(value)
    return [f"{spec.flag}={text}"] if text.startswith("-") else [spec.flag, text]


def number_text(value: Any) -> str:
    """Shortest exact text of a value: 5e-05, 2.2, 16; sizes as `1024,768`."""
    if isinstance(value, tuple):
        return ",".join(str(part) for part in value)
    if isinstance(value, float) and value == int(value) and abs(value) < 1e15:
        return str(value)
    return repr(value) if isinstance(value, float) else str(value)


def load(cls: type[Any], values: Mapping[str, Any]) -> tuple[Any, list[str]]:
    """(option set from defaults + `values`, names nobody knows). Raises UserError for a value of the wrong type."""
    known = specs(cls)
    unknown = [name for name in values if name not in known]
    parsed = {name: parse(known[name], value) for name, value in values.items() if name in known}
    return cls(**parsed), unknown


def dump(option_set: Any, *, all_values: bool = False) -> dict[str, Any]:
    """Differences from the defaults (or all values), JSON- and TOML-ready: no None, lists for tuples, no secrets."""
    found: dict[str, Any] = {}
    for name, spec in specs(option_set).items():
        value = getattr(option_set, name)
        if spec.secret or not spec.persist or (value == spec.default and not all_values) or value is None:
            continue
        found[name] = list(value) if isinstance(value, tuple) else value
    return found

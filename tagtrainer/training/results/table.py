"""All curves of a run as one table, for spreadsheets and notebooks. Must not draw or thin anything."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tagtrainer.training.results.curves import curves
from tagtrainer.workspace import Workspace

if TYPE_CHECKING:
    import pandas as pd

BY_EPOCH = "loss/epoch"
SMOOTHED = " smoothed"


def table(ws: Workspace, task_id: str) -> pd.DataFrame:
    """A row per step (the index), a column per tag, and for losses one more with the running average that the plot shows.

    `loss/epoch` is left out: it counts epochs, not steps. Raises UserError core.bad_id.
    """
    import pandas as pd

    columns = {}
    for tag, curve in curves(ws, task_id).items():
        if tag == BY_EPOCH:
            continue
        columns[tag] = pd.Series(curve.values, index=curve.steps)
        if tag.startswith("loss/"):
            columns[tag + SMOOTHED] = pd.Series(curve.ema, index=curve.steps)
    whole = [column[~column.index.duplicated(keep="last")] for column in columns.values()]
    if not whole:
        return pd.DataFrame(index=pd.Index([], name="step"))
    return pd.concat(whole, axis=1, keys=list(columns)).sort_index().rename_axis("step")


def table_csv(ws: Workspace, task_id: str) -> str:
    """The table as CSV with a heading line; empty cells where a tag has no point at a step."""
    return str(table(ws, task_id).to_csv(float_format="%.7g", lineterminator="\n"))

"""What a training run leaves behind, read back: progress, curves, samples, checkpoints, reasons of failure. Starts nothing."""

from tagtrainer.training.results.checkpoints import Checkpoint, SavedState, checkpoint_path, checkpoints, states
from tagtrainer.training.results.curves import chart, curves, metrics
from tagtrainer.training.results.failure import Failure, failure
from tagtrainer.training.results.job import JobState, JobTask
from tagtrainer.training.results.log import LogFacts, last_lines, read_log
from tagtrainer.training.results.places import Places, places
from tagtrainer.training.results.progress import RunView, Stage, run_view, stage_label
from tagtrainer.training.results.resumes import Resume, resumes
from tagtrainer.training.results.samples import Grid, Row, Sample, sample_path, samples
from tagtrainer.training.results.series import Curve, decimate
from tagtrainer.training.results.table import table, table_csv

__all__ = [
    "Checkpoint",
    "Curve",
    "Failure",
    "Grid",
    "JobState",
    "JobTask",
    "LogFacts",
    "Places",
    "Resume",
    "Row",
    "RunView",
    "Sample",
    "SavedState",
    "Stage",
    "chart",
    "checkpoint_path",
    "checkpoints",
    "curves",
    "decimate",
    "failure",
    "last_lines",
    "metrics",
    "places",
    "read_log",
    "resumes",
    "run_view",
    "sample_path",
    "samples",
    "stage_label",
    "states",
    "table",
    "table_csv",
]

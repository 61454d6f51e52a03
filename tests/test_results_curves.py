"""Curves from TensorBoard files: what was written is what is read, at any moment of its being written."""

from __future__ import annotations

import json
import math
import threading
from pathlib import Path

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from tagtrainer.training.results import Resume, chart, curves, decimate, metrics, table, table_csv
from tagtrainer.training.results import series as series_module
from tagtrainer.training.results.curves import MOST_RUNS, read_curves
from tagtrainer.training.results.series import SMOOTHING, Series, picks
from tagtrainer.workspace import Workspace
from tests.event_writer import append, record, session

LOSS = "loss/current"


def falling(first: int, count: int, tag: str = LOSS) -> list[tuple[str, int, float]]:
    return [(tag, step, 1.0 / step) for step in range(first, first + count)]


def test_a_run_is_read_while_it_grows(ws: Workspace) -> None:
    folder = ws.task("a") / "tensorboard"
    assert curves(ws, "a") == {}
    path = session(folder)
    assert curves(ws, "a") == {}
    append(path, [*falling(1, 10), ("lr/unet", 10, 5e-5), ("loss/epoch", 1, 0.5)])
    found = curves(ws, "a")
    assert found[LOSS].steps.tolist() == list(range(1, 11))
    np.testing.assert_allclose(found[LOSS].values, [1 / step for step in range(1, 11)], rtol=1e-6)
    assert found["lr/unet"].values[0] == np.float32(5e-5)
    append(path, falling(11, 5))
    again = curves(ws, "a")
    assert len(again[LOSS]) == 15 and len(found[LOSS]) == 10, "a curve handed out does not change"
    assert again[LOSS].revision > found[LOSS].revision and again["lr/unet"].revision == found["lr/unet"].revision


def test_every_point_for_scripts(ws: Workspace) -> None:
    append(session(ws.task("a") / "tensorboard"), [(LOSS, 1, 0.5), (LOSS, 2, math.nan)])
    assert metrics(ws, "a") == {LOSS: {"steps": [1, 2], "values": [0.5, None], "ema": [0.5, 0.5]}}


def test_one_table_of_all_curves(ws: Workspace) -> None:
    assert table(ws, "a").empty and table_csv(ws, "a") == "step\n"
    points = [(LOSS, 1, 0.5), (LOSS, 2, 0.25), ("lr/unet", 2, 5e-5), ("loss/epoch", 1, 0.4)]
    append(session(ws.task("a") / "tensorboard"), points)
    found = table(ws, "a")
    assert list(found.columns) == [LOSS, f"{LOSS} smoothed", "lr/unet"]
    assert found.index.tolist() == [1, 2] and found.index.name == "step"
    lines = table_csv(ws, "a").splitlines()
    assert lines[1] == "1,0.5,0.5," and lines[2].startswith("2,0.25,") and lines[2].endswith(",5e-05")


def test_what_tensorboards_own_writer_wrote(tmp_path: Path) -> None:
    from tensorboard.compat.proto.event_pb2 import Event
    from tensorboard.compat.proto.summary_pb2 import Summary
    from tensorboard.compat.proto.tensor_pb2 import TensorProto
    from tensorboard.summary.writer.event_file_writer import EventFileWriter

    writer = EventFileWriter(str(tmp_path / "20261121/network_train"))
    writer.add_event(Event(step=3, summary=Summary(value=[Summary.Value(tag=LOSS, simple_value=0.25)])))
    tensor = Summary.Value(tag=LOSS, tensor=TensorProto(float_val=[0.125], dtype=1))
    writer.add_event(Event(step=4, summary=Summary(value=[tensor])))
    writer.close()
    assert read_curves(tmp_path)[LOSS].values.tolist() == [0.25, 0.125]


@given(st.lists(st.integers(1, 60), min_size=1, max_size=12))
def test_a_half_written_record_waits_for_its_end(tmp_path_factory, sizes: list[int]) -> None:  # type: ignore[no-untyped-def]
    folder = tmp_path_factory.mktemp("events")
    path = session(folder)
    data = b"".join(record(*point) for point in falling(1, 8))
    written = 0
    with path.open("ab", buffering=0) as handle:
        for size in sizes:
            handle.write(data[written : written + size])
            written = min(len(data), written + size)
            found = read_curves(folder).get(LOSS)
            assert (len(found) if found else 0) == written // (len(data) // 8)
        handle.write(data[written:])
    assert read_curves(folder)[LOSS].steps.tolist() == list(range(1, 9))


def test_damage_costs_only_what_follows_it(tmp_path: Path) -> None:
    path = session(tmp_path)
    append(path, falling(1, 3))
    with path.open("ab") as handle:
        handle.write(b"\xff" * 64)
    append(path, falling(4, 3))
    assert len(read_curves(tmp_path)[LOSS]) == 3
    zeros = session(tmp_path, 1_763_700_100)
    append(zeros, falling(1, 2))
    with zeros.open("ab") as handle:
        handle.write(bytes(40))  # a power cut leaves zeros behind
    assert len(read_curves(tmp_path)[LOSS]) == 2


def test_several_files_of_one_session(tmp_path: Path) -> None:
    first = session(tmp_path, 1_763_700_000)
    second = first.with_name("events.out.tfevents.1763700001.host.1.1")
    append(first, falling(1, 3))
    second.write_bytes(b"".join(record(*point) for point in falling(4, 3)))
    assert read_curves(tmp_path)[LOSS].steps.tolist() == [1, 2, 3, 4, 5, 6]


def test_a_run_started_again_replaces_the_earlier_try(tmp_path: Path) -> None:
    append(session(tmp_path, 1_763_700_000), [*falling(1, 9), ("loss/epoch", 1, 0.9), ("loss/epoch", 2, 0.8)])
    assert len(read_curves(tmp_path)[LOSS]) == 9
    append(session(tmp_path, 1_763_700_500), [(LOSS, 1, 7.0), (LOSS, 2, 6.0), ("loss/epoch", 1, 6.5)])
    found = read_curves(tmp_path)
    assert found[LOSS].values.tolist() == [7.0, 6.0] and found["loss/epoch"].values.tolist() == [6.5]


def test_a_resumed_run_goes_on_where_its_state_was_saved(tmp_path: Path) -> None:
    append(session(tmp_path, 1_763_700_000), [*falling(1, 9), *[("loss/epoch", n, float(n)) for n in (1, 2, 3)]])
    append(session(tmp_path, 1_763_700_500), [(LOSS, 1, 7.0), (LOSS, 2, 6.0), ("loss/epoch", 1, 6.5)])
    found = read_curves(tmp_path, [Resume(1_763_700_490.5, step=6, epoch=2)])
    assert found[LOSS].steps.tolist() == [1, 2, 3, 4, 5, 6, 7, 8] and found[LOSS].values[-1] == 6.0
    assert found["loss/epoch"].steps.tolist() == [1, 2, 3] and found["loss/epoch"].values[-1] == 6.5


def test_a_loss_that_is_no_number_is_kept_but_does_not_spoil_the_average(tmp_path: Path) -> None:
    append(session(tmp_path), [(LOSS, 1, 2.0), (LOSS, 2, math.nan), (LOSS, 3, math.inf), (LOSS, 4, 1.0)])
    plotted = chart(read_curves(tmp_path)[LOSS])
    assert plotted["values"] == [2.0, None, None, 1.0] and plotted["bad"] == 2
    assert all(value is not None for value in plotted["ema"])
    json.dumps(plotted, allow_nan=False)


def test_the_average_is_the_textbook_one() -> None:
    series, total, weight = Series("x"), 0.0, 0.0
    for step, value in enumerate(np.random.default_rng(1).normal(1, 0.3, 500).tolist()):
        series.append(step, value)
        total, weight = SMOOTHING * total + (1 - SMOOTHING) * value, SMOOTHING * weight + 1 - SMOOTHING
    curve = series.curve()
    assert math.isclose(float(curve.ema[-1]), total / weight, rel_tol=1e-5) and curve.ema[0] == curve.values[0]


def test_the_average_after_a_cut_is_that_of_what_is_left() -> None:
    whole, cut = Series("x"), Series("x")
    for step in range(50):
        whole.append(step, float(step % 7))
        cut.append(step, float(step % 7))
    for step in range(50, 90):
        cut.append(step, 1e6)
    cut.cut(50)
    whole.append(50, 3.0)
    cut.append(50, 3.0)
    np.testing.assert_array_equal(whole.curve().ema, cut.curve().ema)


def test_thinning_keeps_spikes_ends_and_gaps() -> None:
    rng = np.random.default_rng(7)
    steps = np.arange(1, 100_001)
    values = rng.normal(1, 0.05, len(steps))
    values[40_404], values[77_777] = 9.0, -3.0
    x, y = decimate(steps, values, 999)
    assert len(x) <= 2_000 and x[0] == 1 and x[-1] == 100_000 and 9.0 in y and -3.0 in y
    assert (np.diff(x) > 0).all()
    values[500:600] = np.nan
    assert np.isnan(decimate(steps, values, 999)[1]).any()


@given(
    st.lists(st.floats(allow_nan=True, allow_infinity=True, width=32), max_size=300),
    st.integers(1, 40),
    st.integers(1, 1_000_000),
)
def test_thinning_never_loses_an_extreme(values: list[float], columns: int, stride: int) -> None:
    y = np.array(values, np.float32)
    x = np.arange(len(y)) * stride
    chosen = picks(x, y, columns)
    assert len(chosen) <= max(3 * columns + 2, 0) and (np.diff(chosen) > 0).all()
    finite = y[np.isfinite(y)]
    if len(finite):
        kept = y[chosen][np.isfinite(y[chosen])]
        assert kept.min() == finite.min() and kept.max() == finite.max()
        assert not len(y) or {0, len(y) - 1} <= set(chosen.tolist())


def test_a_part_of_the_steps(tmp_path: Path) -> None:
    append(session(tmp_path), falling(1, 100))
    curve = read_curves(tmp_path)[LOSS]
    plotted = chart(curve, first=10, last=19)
    assert plotted["steps"] == list(range(10, 20)) and plotted["points"] == 10
    assert chart(curve, first=500)["steps"] == []


def test_memory_is_bounded() -> None:
    series = Series("x", most=2_000)
    for step in range(50_000):
        series.append(step, 5.0 if step == 20_000 else 1.0 + step % 3)
    curve = series.curve()
    assert len(curve) <= 2_000 and curve.steps[-1] == 49_999 and curve.values.max() == 5.0
    assert series_module.MOST_POINTS * 16 < 8 << 20


def test_many_threads_and_many_runs(tmp_path: Path) -> None:
    for number in range(MOST_RUNS + 6):
        append(session(tmp_path / str(number)), falling(1, 50))
    wrong: list[str] = []

    def look() -> None:
        for number in range(MOST_RUNS + 6):
            if len(read_curves(tmp_path / str(number))[LOSS]) != 50:
                wrong.append(str(number))

    threads = [threading.Thread(target=look) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong

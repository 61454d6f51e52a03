"""The rehearsal really learns: gradients are right, the loss falls, the same seed gives the same file, a state goes on."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest

from tagtrainer.engines.rehearsal import adapters, flow, options, schedules, tensors, text, tokens
from tagtrainer.engines.rehearsal.layers import Attention, Dropout, Norm, Silu
from tagtrainer.engines.rehearsal.network import Network, before
from tagtrainer.engines.rehearsal.train import Training, loss_of
from tagtrainer.engines.rehearsal.training_set import Batch
from tests.rehearsing import Stage, stage


@pytest.fixture(scope="module")
def toys(tmp_path_factory: pytest.TempPathFactory) -> Stage:
    """A cached dataset of six drawings."""
    made = stage(tmp_path_factory.mktemp("toys"), 6)
    assert made.cache_latents() == made.cache_text() == 0
    return made


def evaluate(training: Training, moments: int = 8) -> float:
    """Mean loss over all pictures, fixed noise and evenly spread moments: comparable from run to run."""
    rng = np.random.default_rng(5)
    losses = []
    for bucket in training.work.data.buckets:
        for member in bucket.members:
            batch = training.work.data.batch([member])
            for moment in flow.quantiles(training.args, batch.size, moments):
                noise = rng.standard_normal(batch.tokens.shape).astype(np.float32)
                losses.append(loss_of(training.work.network, batch, np.array([moment]), noise)[0])
    return float(np.mean(losses))


def example(rng: np.random.Generator) -> Batch:
    grid, words = (2, 3), [text.encode("a red toy"), text.encode("snow")]
    padded = np.stack([np.pad(found, ((0, 3 - len(found)), (0, 0))) for found in words]).astype(np.float64)
    padding = np.array([[False] * 3, [False, True, True]])
    return Batch((96, 64), grid, rng.standard_normal((2, 6, tokens.NUMBERS)), padded, padding)


def test_the_adapters_gradients_are_the_losses_derivatives() -> None:
    rng = np.random.default_rng(1)
    network = Network(np.float64)
    adapters.attach(network, adapters.plan(3, 6.0, {}), rng)
    for adapter in network.adapters().values():
        adapter.up[...] = rng.standard_normal(adapter.up.shape) * 0.1
    batch, moments = example(rng), np.array([0.3, 0.8])
    noise = rng.standard_normal(batch.tokens.shape)

    def loss() -> float:
        return loss_of(network, batch, moments, noise, "cosmap", Dropout(np.random.default_rng(7), 0.2, 0.3, 0.05))[0]

    _, grad = loss_of(network, batch, moments, noise, "cosmap", Dropout(np.random.default_rng(7), 0.2, 0.3, 0.05))
    network.backward(grad)
    for name, adapter in network.adapters().items():
        for values, found in ((adapter.down, adapter.down_grad), (adapter.up, adapter.up_grad)):
            direction = rng.standard_normal(values.shape)
            for sign in (1, -2, 1):
                values += sign * 1e-5 * direction
                if sign == 1:
                    after = loss()
                else:
                    below = loss()
                    expected = (after - below) / 2e-5
            assert float((found * direction).sum()) == pytest.approx(expected, rel=1e-4, abs=1e-9), name


def numeric(function: object, x: np.ndarray, grad: np.ndarray) -> np.ndarray:
    found = np.zeros_like(x)
    for place in np.ndindex(x.shape):
        old = x[place]
        x[place] = old + 1e-6
        high = (function(x) * grad).sum()  # type: ignore[operator]
        x[place] = old - 1e-6
        found[place] = (high - (function(x) * grad).sum()) / 2e-6  # type: ignore[operator]
        x[place] = old
    return found


@pytest.mark.parametrize("layer", [Norm(), Silu()])
def test_a_layers_backward_is_its_derivative(layer: Norm | Silu) -> None:
    rng = np.random.default_rng(2)
    x, grad = rng.standard_normal((2, 3, 4)), rng.standard_normal((2, 3, 4))
    layer.forward(x)
    assert np.allclose(layer.backward(grad), numeric(lambda value: type(layer)().forward(value), x, grad), atol=1e-6)


def test_attentions_backward_is_its_derivative_and_padding_is_not_seen() -> None:
    rng = np.random.default_rng(3)
    q, k, v = rng.standard_normal((2, 3, 4)), rng.standard_normal((2, 5, 4)), rng.standard_normal((2, 5, 4))
    hidden = np.array([[False] * 5, [False, False, True, False, True]])
    grad = rng.standard_normal((2, 3, 4))
    layer = Attention(2)
    layer.forward(q, k, v, hidden)
    found = layer.backward(grad)
    assert np.allclose(found[0], numeric(lambda x: Attention(2).forward(x, k, v, hidden), q, grad), atol=1e-6)
    assert np.allclose(found[1], numeric(lambda x: Attention(2).forward(q, x, v, hidden), k, grad), atol=1e-6)
    assert np.allclose(found[2], numeric(lambda x: Attention(2).forward(q, k, x, hidden), v, grad), atol=1e-6)
    changed = v.copy()
    changed[1, [2, 4]] = 99
    assert np.array_equal(layer.forward(q, k, v, hidden), layer.forward(q, k, changed, hidden))


def test_an_untouched_adapter_changes_nothing() -> None:
    rng = np.random.default_rng(4)
    network, batch = Network(np.float64), example(rng)
    plain = network.forward(batch.tokens, np.array([0.2, 0.9]), batch.grid, batch.text, batch.padding)
    adapters.attach(network, adapters.plan(4, None, {}), rng)
    after = network.forward(batch.tokens, np.array([0.2, 0.9]), batch.grid, batch.text, batch.padding)
    assert np.array_equal(plain, after)


def test_what_is_known_before_training_is_the_best_linear_guess() -> None:
    rng = np.random.default_rng(5)
    grid, moment = (2, 2), np.array([0.4])
    first, size, missed = before(moment, grid)
    known = tokens.spread(grid)
    p, n = rng.standard_normal((4000, *known.shape)) * known, rng.standard_normal((4000, *known.shape))
    x = 0.6 * p + 0.4 * n
    assert np.allclose((x**2).mean(0) ** 0.5, size[0], rtol=0.1)
    assert np.allclose(((n - p - first * x) ** 2).mean(0) ** 0.5, missed[0], rtol=0.1)
    assert np.allclose(((n - p) * x).mean(0) / (x**2).mean(0), first[0], rtol=0.2, atol=0.1)


def test_training_lowers_the_loss_and_standing_still_does_not(toys: Stage) -> None:
    learning, resting = (
        toys.training("--max_train_epochs", "12"),
        toys.training("--max_train_epochs", "12", "--learning_rate", "0"),
    )
    start = evaluate(learning)
    assert evaluate(resting) == pytest.approx(start)
    learning.run()
    resting.run()
    assert evaluate(resting) == pytest.approx(start)
    assert evaluate(learning) < 0.6 * start


def test_the_caption_matters(tmp_path: Path) -> None:
    from PIL import Image

    made = Stage(tmp_path)
    rows = []
    for name, colour in (("red", (230, 30, 30)), ("blue", (30, 30, 230))):
        Image.new("RGB", (128, 128), colour).save(tmp_path / f"{name}.png")
        rows.append({"image_path": str(tmp_path / f"{name}.png"), "caption": f"all {name}"})
    made.write(rows, batch_size=1, num_repeats=30)
    made.cache_latents()
    made.cache_text()
    training = made.training("--max_train_epochs", "2", "--learning_rate", "2e-4")
    training.run()
    members = training.work.data.buckets[0].members
    red, blue = (training.work.data.batch([members[place]]) for place in (30, 0))
    rng, moment = np.random.default_rng(6), np.array([0.95])
    right, wrong = [], []
    for one, other in ((red, blue), (blue, red)) * 8:
        noise = rng.standard_normal(one.tokens.shape).astype(np.float32)
        swapped = Batch(one.size, one.grid, one.tokens, other.text, other.padding)
        right.append(loss_of(training.work.network, one, moment, noise)[0])
        wrong.append(loss_of(training.work.network, swapped, moment, noise)[0])
    assert np.mean(right) < 0.7 * np.mean(wrong), (np.mean(right), np.mean(wrong))


def final(toys: Stage, name: str, *words: str) -> str:
    """The digest of the weights that a training ends with."""
    assert toys.train("--output_name", name, *words) == 0
    return tensors.metadata(toys.output / f"{name}.safetensors")["sshs_model_hash"]


def test_a_seed_decides_everything(toys: Stage) -> None:
    words = ("--max_train_epochs", "2")
    first = final(toys, "seed_a", *words)
    assert final(toys, "seed_b", *words) == first
    assert final(toys, "seed_c", *words, "--seed", "43") != first


def test_a_resumed_training_ends_where_an_unbroken_one_does(toys: Stage) -> None:
    unbroken = final(toys, "whole", "--max_train_epochs", "4", "--save_every_n_epochs", "2", "--save_state")
    state = toys.output / "whole-000002-state"
    assert sorted(path.name for path in state.iterdir()) == [
        "model.safetensors", "optimizer.bin", "random_states_0.pkl", "scheduler.bin",
    ]  # fmt: skip
    assert final(toys, "rest", "--max_train_epochs", "2", "--resume", str(state)) == unbroken
    assert final(toys, "other", "--max_train_epochs", "2") != unbroken


def test_a_state_that_does_not_fit_is_refused(toys: Stage) -> None:
    final(toys, "small", "--max_train_epochs", "1", "--save_state_on_train_end")
    state = str(toys.output / "small-state")
    with pytest.raises(RuntimeError, match="size mismatch"):
        toys.training("--max_train_epochs", "1", "--resume", state, "--network_dim", "8")
    with pytest.raises(ValueError, match="different number of parameter groups"):
        toys.training("--max_train_epochs", "1", "--resume", state, "--network_args", "loraplus_lr_ratio=4")
    with pytest.raises(ValueError, match="folder does not exist"):
        toys.training("--max_train_epochs", "1", "--resume", str(toys.output / "nothing"))


def test_weights_can_be_a_warm_start_or_a_base(toys: Stage) -> None:
    trained = toys.training("--max_train_epochs", "8", "--output_name", "base")
    trained.run()
    reached, path = evaluate(trained), str(toys.output / "base.safetensors")
    assert evaluate(toys.training("--max_train_epochs", "1", "--network_weights", path)) == pytest.approx(
        reached, rel=1e-3
    )
    merged = toys.training("--max_train_epochs", "1", "--base_weights", path, "--base_weights_multiplier", "1.0")
    assert evaluate(merged) == pytest.approx(reached, rel=1e-3)


@pytest.mark.parametrize(
    "optimizer", ["adamw", "adamw8bit", "Adam", "SGD", "RMSprop", "adafactor", "prodigyopt.Prodigy"]
)
def test_every_optimizer_lowers_the_loss(toys: Stage, optimizer: str) -> None:
    rate = {"SGD": "1e-2"}.get(optimizer, "1e-4")
    extra = ["--optimizer_args", "relative_step=False"] if optimizer == "adafactor" else []
    training = toys.training("--max_train_epochs", "6", "--optimizer_type", optimizer, "--learning_rate", rate, *extra)
    start = evaluate(training)
    training.run()
    assert evaluate(training) < 0.95 * start


def test_an_unknown_optimizer_is_refused(toys: Stage) -> None:
    for name in ("", "AdamX"):
        with pytest.raises(AttributeError, match=r"torch\.optim"):
            toys.training("--max_train_epochs", "1", f"--optimizer_type={name}")


def rates(*words: str, total: int = 100) -> list[float]:
    args = options.parse("qwen_image_train_network", ["--learning_rate", "1e-3", *words])
    schedule = schedules.make(args, total)
    return [schedule(step) for step in range(total + 1)]


# Learning rates over 1e-3 after each of 20 steps, recorded from the engine's TensorBoard files (version 0.3.4).
RECORDED_RATES = {
    "--lr_scheduler rex": [
        0.9948, 0.9891, 0.9828, 0.9759, 0.9681, 0.9593, 0.9494, 0.9381, 0.9251, 0.91, 0.8922, 0.8709, 0.8449, 0.8127, 0.7715,
        0.7171, 0.6419, 0.5311, 0.3514, 0.01,
    ],
    "--lr_scheduler rex --lr_warmup_steps 5 --lr_scheduler_min_lr_ratio 0.2": [
        0.2, 0.4, 0.6, 0.8, 1.0, 0.9943, 0.9879, 0.9805, 0.9719, 0.9619, 0.95, 0.9356, 0.9179, 0.8957, 0.8667, 0.8275, 0.7714,
        0.6848, 0.5333, 0.2,
    ],
    "--lr_scheduler polynomial --lr_scheduler_power 2 --lr_warmup_steps 2": [
        0.5, 1.0, 0.892, 0.7901, 0.6945, 0.605, 0.5217, 0.4445, 0.3735, 0.3087, 0.2501, 0.1976, 0.1513, 0.1112, 0.0773, 0.0495,
        0.0279, 0.0124, 0.0032, 0.0001,
    ],
    "--lr_scheduler warmup_stable_decay --lr_warmup_steps 3 --lr_decay_steps 6 --lr_scheduler_min_lr_ratio 0.05": [
        0.3667, 0.6833, *[1.0] * 12, 0.9364, 0.7625, 0.525, 0.2875, 0.1136, 0.05,
    ],
}  # fmt: skip


def test_schedules_have_the_engines_shapes() -> None:
    cosine = rates("--lr_scheduler", "cosine", "--lr_warmup_steps", "10")
    assert cosine[5] == 0.5 and cosine[10] == 1 and cosine[100] == pytest.approx(0)
    assert cosine[55] == pytest.approx(0.5)
    assert rates("--lr_scheduler", "linear", "--lr_warmup_steps", "20%")[60] == pytest.approx(0.5)
    assert set(rates()) == {1.0}
    assert rates("--lr_scheduler", "constant_with_warmup", "--lr_warmup_steps", "4")[2] == 0.5
    stable = rates("--lr_scheduler", "warmup_stable_decay", "--lr_decay_steps", "0.2")
    assert stable[79] == 1 and 0 < stable[90] < 1 and stable[100] == 0
    least = rates("--lr_scheduler", "cosine_with_min_lr", "--lr_scheduler_min_lr_ratio", "0.1")
    assert least[100] == pytest.approx(0.1)
    again = rates("--lr_scheduler", "cosine_with_restarts", "--lr_scheduler_num_cycles", "2")
    assert again[0] == 1 and again[49] < 0.01 and again[50] == 1
    steps = rates("--lr_scheduler", "piecewise_constant", "--lr_scheduler_args", "step_rules='1:10,0.1:20,0.01'")
    assert (steps[9], steps[10], steps[20]) == (1.0, 0.1, 0.01)
    for words, recorded in RECORDED_RATES.items():
        found = rates(*words.split(), total=20)
        assert np.allclose(found[1:], recorded, atol=6e-5), words
    for name in schedules.NAMES[:-2]:
        assert all(math.isfinite(rate) and -1e-9 <= rate <= 1 + 1e-9 for rate in rates("--lr_scheduler", name)), name


@pytest.mark.parametrize(
    ("words", "said"),
    [(["--lr_warmup_steps", "5"], "does not require"), (["--lr_scheduler", "sine"], "not a valid SchedulerType")],
)
def test_schedules_that_the_engine_refuses(words: list[str], said: str) -> None:
    with pytest.raises(ValueError, match=said):
        rates(*words)


def test_patterns_choose_the_modules(toys: Stage) -> None:
    one = toys.training("--max_train_epochs", "1", "--network_args", r"exclude_patterns=['.*\.attn\..*']")
    names = set(one.work.network.adapters())
    assert names and all("img_mlp" in name for name in names)
    with pytest.raises(RuntimeError, match="No LoRA modules found"):
        toys.training("--max_train_epochs", "1", "--network_args", "exclude_patterns=['.*']")


def test_norms_stay_below_their_limit(toys: Stage) -> None:
    training = toys.training("--max_train_epochs", "6", "--scale_weight_norms", "0.05")
    training.run()
    for adapter in training.work.network.adapters().values():
        assert np.linalg.norm(adapter.scale * adapter.up @ adapter.down) <= 0.0501


def test_accumulated_batches_count_as_one_step(toys: Stage) -> None:
    training = toys.training("--max_train_epochs", "2", "--gradient_accumulation_steps", "2")
    batches = len(training.work.data)
    training.run()
    assert training.step == 2 * -(-batches // 2)


def test_bfloat16_is_rounded_to_nearest(tmp_path: Path) -> None:
    values = {"x": np.array([1.0, 1.00390625, 1.01171875, -3.1415927], np.float32)}
    tensors.write(tmp_path / "x.safetensors", values, {"a": "b"}, "bfloat16")
    assert tensors.read(tmp_path / "x.safetensors")["x"].tolist() == [1.0, 1.0, 1.015625, -3.140625]
    assert tensors.metadata(tmp_path / "x.safetensors") == {"a": "b"}

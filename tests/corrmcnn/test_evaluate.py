"""What is measured on a CorrMCNN, its figures from finished runs, its claims on architecture."""

import functools

import keras
import numpy as np
import pytest

from corrmcnn import claims, figures, losses
from corrmcnn import evaluate as measure
from corrmcnn.model import build
from corrmcnn.train import VARIANTS, Config
from corrnet import evaluate
from data.dataset import Dataset
from training.run import Run, write_json
from training.settings import SettingsError

RANDOM = np.random.default_rng(0)
SHAPE = (8, 6, 1)


def network(**settings):
    keras.utils.set_random_seed(0)
    small = {"filters": (2,), "dense_units": (6, 5), "code_units": 4, "code_activation": "linear"}
    return build(left_shape=SHAPE, right_shape=SHAPE, **small | settings)


def split(n=60):
    labels = np.arange(n, dtype=np.int32) % 3
    left, right = (RANDOM.random((n, *SHAPE), np.float32) + labels[:, None, None, None] for _ in range(2))
    return {"left": left / 3, "right": right / 3, "label": labels}


def test_every_number_is_measured_on_the_split_asked_for():
    dataset, model = Dataset("name", "title", split(), split(50), split(40)), network()
    for part in ("test", "validation"):
        metrics = measure.measure(model, dataset, part, project=False)
        assert all(isinstance(value, float) and np.isfinite(value) for value in metrics.values())
        assert {name.split("/")[0] for name in metrics} == {part, "gap"}
        names = (
            "sum_correlation", "total_canonical_correlation", "effective_rank", "cross_mse_left_to_right",
            "transfer_left_to_right_percent", "single_view_left_percent", "single_view_right_percent",
        )  # fmt: skip
        assert {f"{part}/{name}" for name in names} <= metrics.keys()
    held = dataset.validation
    rebuilt = np.asarray(model.decode(model.encode(left=held["left"]))["right"])
    expected = np.mean((rebuilt - held["right"]) ** 2)
    assert metrics["validation/cross_mse_left_to_right"] == pytest.approx(expected, rel=1e-5)
    train = dataset.train
    rebuilt = np.asarray(model.decode(model.encode(left=train["left"]))["right"])
    gap = expected - np.mean((rebuilt - train["right"]) ** 2)
    assert metrics["gap/cross_mse_left_to_right"] == pytest.approx(gap, abs=1e-7)


def noisy_views(*signals, n=4000):
    """Two views of the same hidden numbers; unit k correlates by s^2 / (1 + s^2), s its signal."""
    shared = RANDOM.normal(size=(n, len(signals)))
    views = (shared * signals + RANDOM.normal(size=shared.shape) for _ in range(2))
    return evaluate.Codes(*(view / np.hypot(signals, 1) for view in views), np.zeros(n))


def test_leaning_raises_the_sum_but_neither_the_canonical_correlation_nor_the_content():
    train, validation, codes = (noisy_views(9, 3, 1) for _ in range(3))
    leaning = measure.lean_on(measure.fit_leader(train, validation), codes, 10.0)
    before, after = (evaluate.code_metrics(each, each) for each in (codes, leaning))
    assert before["sum_correlation"] < 2.5 and after["sum_correlation"] > 2.9  # 81/82 + 9/10 + 1/2; 3 * 81/82
    assert after["total_canonical_correlation"] == pytest.approx(before["total_canonical_correlation"], rel=0.02)
    assert after["effective_rank"] < 1.1 < before["effective_rank"]
    for lean, plain in ((leaning.left, codes.left), (leaning.right, codes.right)):
        np.testing.assert_allclose(np.diff(lean), np.diff(plain), atol=1e-9)  # what units say beside each other


def test_the_leader_is_the_best_on_validation_not_on_train():
    train, validation, other = noisy_views(9, 3, 1), noisy_views(0.1, 3, 1), noisy_views(9, 3, 1)
    for held, unit in ((other, 0), (validation, 1)):
        left, right = measure.fit_leader(train, held)(other)
        assert left.shape == right.shape == (4000, 1)
        assert abs(np.corrcoef(left[:, 0], other.left[:, unit])[0, 1]) > 0.8
        assert abs(np.corrcoef(left[:, 0], other.left[:, 1 - unit])[0, 1]) < 0.3
    assert np.corrcoef(left[:, 0], right[:, 0])[0, 1] > 0.8


def test_the_slides_protocol_learns_from_joint_codes(monkeypatch):
    taught = []
    protocol = evaluate.single_view_metrics
    monkeypatch.setattr(evaluate, "single_view_metrics", lambda *a: taught.append(a) or protocol(*a))
    dataset, model = Dataset("name", "title", split(), split(), split()), network(fusion="code_mean")
    measure.measure(model, dataset, "test", project=False)
    both = model.encode(left=dataset.train["left"], right=dataset.train["right"])
    np.testing.assert_allclose(taught[0][0], np.asarray(both), rtol=1e-5)
    np.testing.assert_array_equal(taught[0][2].left, evaluate.encode_split(model, dataset.test).left)
    measure.measure(model, dataset, "test", project=True)  # then in the space of canonical directions
    codes = [evaluate.encode_split(model, part) for part in (dataset.train, dataset.test)]
    train, test = evaluate.canonical_variates(*codes)
    np.testing.assert_allclose(taught[1][0], (train.left + train.right) / 2, rtol=1e-5)
    np.testing.assert_allclose(taught[1][2].right, test.right, rtol=1e-5)


def test_gradient_norms_by_finite_differences_and_nothing_is_changed():
    model, data = network(activation="sigmoid", dense_activation="sigmoid", dropout=0.0, code_units=2), split(12)
    objective = functools.partial(losses.compute_loss, correlation_weight=0.5)
    before = [variable.numpy() for variable in model.variables]
    norms = measure.gradient_norms(model, objective, data, "gradient/start/")
    for variable, value in zip(model.variables, before, strict=True):
        np.testing.assert_array_equal(variable.numpy(), value)
    names = ["convolution_1", "dense_1", "dense_2", "code", "decoder_1", "pixels", "first_to_code"]
    assert list(norms) == [f"gradient/start/{name}" for name in names]
    kernel = model.joints["joint"].kernel
    values, slopes = kernel.numpy(), []
    for index in np.ndindex(values.shape):
        sides = []
        for step in (1e-2, -1e-2):
            moved = values.copy()
            moved[index] += step
            kernel.assign(moved)
            sides.append(float(objective(model, data, training=True)[0]))
        slopes.append((sides[0] - sides[1]) / 2e-2)
    assert norms["gradient/start/code"] == pytest.approx(np.linalg.norm(slopes), rel=0.02)
    ratio = norms["gradient/start/convolution_1"] / norms["gradient/start/code"]
    assert norms["gradient/start/first_to_code"] == pytest.approx(ratio)


def finished_run(folder, variant, seed=0, **metrics):
    """A run folder as training leaves it, without a model."""
    run = Run.open("corrmcnn", variant, Config(runs_dir=str(folder), seed=seed), "digits")
    rows = [{"epoch": e, **{f"{p}/{t}": 1.0 / e for p in ("train", "validation")
             for t in ("reconstruction_from_left", "sum_correlation")}} for e in (1, 2)]  # fmt: skip
    run.write_metrics(rows)
    data = {"title": "digits", "checksum": "0"}
    write_json(
        run.path / "environment.json", {"data": data, "hardware": "", "commit": "", "dirty": False, "versions": {}}
    )
    metrics = dict.fromkeys(figures.BARS, 1.0) | metrics
    write_json(
        run.path / "result.json", {"metrics": metrics, "epochs": 2, "parameters": 1, "seconds": 1.0, "counts": {}}
    )
    return run


def test_figures_compare_a_run_with_its_neighbours(tmp_path):
    gradients = {f"gradient/{when}/{name}": 0.1 for when in ("start", "end") for name in ("convolution_1", "code")}
    run = finished_run(tmp_path, "l7", **gradients)
    assert figures.dropout_curves(run) is None and figures.ablation(run) is None
    finished_run(tmp_path, "sigmoid", **{name: 1e-4 for name in gradients})
    finished_run(tmp_path, "no_dropout")
    finished_run(tmp_path, "l7", seed=1, **{"test/sum_correlation": 3.0})
    figure = figures.gradient_norms(run)
    lines = {line.get_label(): line.get_ydata() for line in figure.axes[0].lines}
    assert list(lines["ReLU, batch normalisation"]) == [0.1, 0.1]
    assert list(lines["sigmoid, batch normalisation"]) == [1e-4, 1e-4]
    assert len(figures.dropout_curves(run).axes[0].lines) == 4
    axis = figures.ablation(run).axes[0]
    assert [label.get_text() for label in axis.get_yticklabels()] == [
        "l7 (n = 2)",
        "no dropout (n = 1)",
        "sigmoid (n = 1)",
    ]
    assert [bar.get_width() for bar in axis.patches] == [2.0, 1.0, 1.0]
    other = finished_run(tmp_path, "blog")
    assert figures.gradient_norms(other) is None and figures.ablation(other) is None


def test_figures_leave_the_test_split_alone_while_settings_are_chosen(tmp_path):
    run = Run.open("corrmcnn", "best", Config(runs_dir=str(tmp_path), measure_on="validation"), "digits")
    for name in ("reconstructions", "canonical_spectrum", "correlation_map", "ablation"):
        assert figures.FIGURES[name](run) is None


def test_leaning_units_are_not_drawn_and_the_loss_shows_the_correlation_it_has(tmp_path):
    run = Run.open("corrmcnn", "best_sum", Config(runs_dir=str(tmp_path), project=True, lean=20.0), "digits")
    assert figures.FIGURES["canonical_spectrum"](run) is None and figures.FIGURES["correlation_map"](run) is None
    row = {f"{split}/{term}": 1.0 for split in ("train", "validation") for term in ("canonical", "sum_correlation")}
    titles = {
        (0.0, 0.0): "sum of correlations",
        (1.0, 0.0): "total canonical correlation",
        (1.0, 0.2): "canonical correlation with neighbours",
    }
    for (weight, share), title in titles.items():
        run = finished_run(tmp_path, f"weight{weight}-{share}")
        settings = run.config["settings"] | {"canonical_weight": weight, "neighbour_share": share}
        write_json(run.path / "config.json", run.config | {"settings": settings})
        run.write_metrics([{"epoch": 1, **row}])
        assert [axis.get_title() for axis in figures.FIGURES["loss_terms"](run).axes] == [title]


def test_claims_about_the_network_hold_and_zero_norm_does_not():
    assert claims.summary() == (True, {"layers": 25, "parameters": 1_137_606})
    holds, found = claims.normalised_outputs()
    assert not holds and found["mean"] < 1e-5 and found["norm"] > 1 and found["variance"] == pytest.approx(1, abs=1e-3)


def test_every_run_of_the_claims_is_a_variant_and_every_variant_they_compare_is_run():
    ran = {job.variant for job in claims.RUNS}
    assert ran <= VARIANTS.keys()
    for claim in claims.CLAIMS:
        named = {word.strip("`,") for word in claim.how.split() if word.startswith("`")}
        assert named <= ran, claim.id


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"dropout": 1.0}, "dropout"),
        ({"ridge": 0.0}, "ridge"),
        ({"dense_units": ()}, "dense-units"),
        ({"tied": True}, r"decoder-units must be \(300, 500\) when tied"),
        ({"batch_size": 1}, "a correlation needs two samples"),
        ({"step_weight": -1.0}, "step-weight"),
        ({"neighbours": 0}, "neighbours"),
        ({"neighbour_share": 1.0}, "neighbour-share must be below 1"),
    ],
)
def test_bad_settings_are_named(settings, message):
    with pytest.raises(SettingsError, match=message):
        Config(**settings)

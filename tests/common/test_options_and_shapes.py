"""Options and shapes: what every builder and loss of every method says of what does not fit."""

import keras
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as some

import autoencoders.losses
import calibration.losses
import calibration.networks
import capsnet.losses
import capsnet.model
import corrmcnn.losses
import corrmcnn.model
import corrnet.losses
import densenet.losses
import densenet.model
import gmu.losses
import gmu.model
from autoencoders import model as autoencoder
from autoencoders.subpixel.layers import SubPixelConv2D
from common.options import one_of
from common.shapes import class_labels, class_targets, image_of, same_shape

VIEWS = {"left_shape": (12, 10, 1), "right_shape": (12, 10, 1)}
BUILDERS = [  # (builder, options that are words)
    (autoencoder.build, ("network", "upsampling", "kind", "corruption")),
    (capsnet.model.build, ("initial", "gradient")),
    (
        lambda **options: corrmcnn.model.build(**VIEWS, **options),
        ("fusion", "absent", "initial_weights", "padding", "batch_norm"),
    ),
    (densenet.model.build, ("connection",)),
    (calibration.networks.build, ("network",)),
    (gmu.model.build, ("gate", "gate_reads")),
    (lambda **options: SubPixelConv2D(1, 3, 2, **options), ("padding",)),
]
CASES = [(builder, name) for builder, names in BUILDERS for name in names]


@pytest.mark.parametrize(("builder", "name"), CASES)
@settings(max_examples=8, deadline=None)
@given(some.text("abcdefghijklmnopqrstuvwxyz_ ", max_size=12))
def test_every_option_of_every_builder_is_checked_at_build(builder, name, word):
    """A word it does not know is refused with the words it knows; none is taken for another."""
    try:
        builder(**{name: word})
    except ValueError as error:
        assert f"Unknown {name}: expected one of" in str(error) and repr(word) in str(error)
        known = str(error).partition("one of ")[2].partition(", received")[0].split(", ")
        assert word not in known
    else:
        with pytest.raises(ValueError) as caught:
            builder(**{name: word + "?"})
        assert word in str(caught.value)  # it was one of the known


def test_the_nearest_word_is_named():
    with pytest.raises(
        ValueError, match=r"Unknown gate: expected one of tied, softmax, received 'sofmax' .did you mean softmax"
    ):
        one_of("gate", "sofmax", ("tied", "softmax"))


LABELLED = [  # losses of (labels, scores) that give one value per sample
    densenet.losses.cross_entropy,
    capsnet.losses.cross_entropy,
    capsnet.losses.margin_loss,
    gmu.losses.sigmoid_cross_entropy,
    gmu.losses.softmax_cross_entropy,
]


@pytest.mark.parametrize("loss", LABELLED, ids=lambda loss: f"{loss.__module__}.{loss.__name__}")
@settings(max_examples=25, deadline=None)
@given(some.integers(1, 6), some.integers(2, 5), some.sampled_from(("int32", "int64", "uint8", "float32")), some.data())
def test_labels_are_taken_as_keras_users_have_them_or_refused(loss, n, classes, kind, data):
    random = np.random.default_rng(n * classes)
    scores = random.random((n, classes)).astype("float32")
    labels = random.integers(0, classes, n).astype(kind)
    expected = np.asarray(loss(labels, scores))
    assert expected.shape == (n,)
    np.testing.assert_allclose(loss(labels[:, None], scores), expected, rtol=1e-6)
    shape = tuple(data.draw(some.lists(some.integers(1, 6), min_size=1, max_size=3)))
    if shape not in ((n,), (n, 1)) and not (loss is capsnet.losses.margin_loss and shape == (n, classes)):
        with pytest.raises(ValueError, match="labels have shape"):
            loss(np.zeros(shape, kind), scores)


PAIRED = [  # losses of (images, drawn)
    autoencoders.losses.binary_cross_entropy,
    autoencoders.losses.squared_error,
    capsnet.losses.reconstruction_loss,
    corrnet.losses.mean_squared_error,
    corrnet.losses.half_squared_error,
    corrnet.losses.mean_absolute_error,
]


@pytest.mark.parametrize("loss", PAIRED, ids=lambda loss: f"{loss.__module__}.{loss.__name__}")
def test_nothing_broadcasts_silently(loss):
    images = np.random.default_rng(0).random((3, 4, 5, 1), np.float32)
    assert np.asarray(loss(images, images + 0.5)).shape == (3,)
    for other in (images[:, :1], images[:, :, :1], images[..., 0][:, :, :4]):
        with pytest.raises(ValueError, match=r"have shape \(3, .*expected the same"):
            loss(images, other)


@pytest.mark.parametrize("loss", [*LABELLED[:2], *PAIRED[:3]], ids=lambda loss: loss.__name__)
@pytest.mark.parametrize("kind", ["float16", "float64", "bfloat16"])
def test_losses_of_other_number_types_are_those_of_float32(loss, kind):
    random = np.random.default_rng(0)
    first = np.array([0, 2, 1]) if loss in LABELLED else random.random((3, 4, 5, 1), np.float32)
    second = random.random((3, 4) if loss in LABELLED else (3, 4, 5, 1), np.float32)
    second = keras.ops.cast(second, kind)  # rounded to the type first, so that only the arithmetic may differ
    exact = loss(first, keras.ops.cast(second, "float32"))
    np.testing.assert_allclose(np.asarray(loss(first, second), np.float32), np.asarray(exact), rtol=1e-5)


def test_shapes_and_sizes_are_named():
    scores = np.zeros((4, 3), np.float32)
    np.testing.assert_array_equal(class_labels(np.array([[1.0], [2], [0], [1]]), scores), [1, 2, 0, 1])
    np.testing.assert_array_equal(class_targets(np.array([1, 2, 0, 1]), scores).numpy().argmax(1), [1, 2, 0, 1])
    with pytest.raises(ValueError, match=r"\(4, 3\).*pass labels.argmax"):
        class_labels(scores, scores)
    same_shape("a", scores, "b", scores)
    image_of((None, 9, 1), 5, "It", any_size=True)
    for shape, word in (
        ((4, 9, 1), "at least 5 x 5"),
        ((None, 9, 1), "of known size"),
        ((9, 9), "height, width, channels"),
    ):
        with pytest.raises(ValueError, match=word):
            image_of(shape, 5, "It")


@pytest.mark.parametrize("blocks", [1, 2, 3, 5])
def test_a_network_that_would_halve_an_image_to_nothing_is_refused_at_build(blocks):
    least = 2**blocks - 1
    densenet.model.build(blocks=blocks, depth=1, width=2, stem_filters=2, image_shape=(least, least + 3, 1))
    if least > 1:
        with pytest.raises(ValueError, match=f"{blocks} blocks, .*at least {least} x {least} pixels, received"):
            densenet.model.build(blocks=blocks, depth=1, image_shape=(least - 1, 40, 1))


def test_networks_take_images_of_unknown_size_where_the_formula_does():
    x = np.random.default_rng(0).random((2, 13, 18, 1), np.float32)
    for make, ask in (
        (lambda shape: densenet.model.build(depth=1, width=2, image_shape=shape), lambda out: out),
        (lambda shape: autoencoder.build(network="unet", widths=(2, 3), image_shape=shape), lambda out: out["image"]),
    ):
        known, unknown = make((13, 18, 1)), make((None, None, 1))
        unknown.set_weights(known.get_weights())
        np.testing.assert_allclose(ask(unknown(x)), ask(known(x)), atol=1e-6)
    image = keras.Input((None, None, 3))
    free = keras.Model(image, SubPixelConv2D(2, 3, 2)(image))
    assert free.output_shape == (None, None, None, 2) and free(np.zeros((1, 5, 7, 3))).shape == (1, 10, 14, 2)
    with pytest.raises(ValueError, match="a code of one size needs images of one size"):
        autoencoder.build(image_shape=(None, None, 1))
    with pytest.raises(ValueError, match="labels have shape"):
        calibration.losses.ExpectedCalibrationError().update_state(np.eye(3), np.eye(3))


@pytest.mark.parametrize(
    ("module", "option"),
    [
        ("autoencoders", "reconstruction"), ("corrnet", "reconstruction"), ("gmu", "cross_entropy"),
        *(("corrmcnn", name) for name in ("correlation", "decoder_steps", "pixel_error", "step_error")),
    ],
)  # fmt: skip
def test_options_of_losses_are_checked_before_the_model_is_asked(module, option):
    compute_loss = __import__(f"{module}.losses", fromlist=["losses"]).compute_loss
    with pytest.raises(ValueError, match=f"Unknown {option}: expected one of"):
        compute_loss(None, {"image": 0, "left": 0, "right": 0}, False, **{option: "nonsense"})

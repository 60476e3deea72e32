"""The Keras half: the layer, calibrated copies of models of every ending, the metric, the loss, the networks."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from keras import layers

from calibration import losses
from calibration.methods.temperature import fit_temperature
from calibration.metrics import binned
from calibration.model import TemperatureScaling, build, calibrate, logits_model
from calibration.networks import build_lenet, build_residual

keras.utils.set_random_seed(0)
IMAGES = np.random.default_rng(0).random((300, 6, 6, 1)).astype(np.float32)


def body():
    image = keras.Input((6, 6, 1))
    return image, layers.Dense(8, activation="relu")(layers.Flatten()(image))


def ending_in(ending):
    """A classifier of 3 classes that ends in one of the usual ways."""
    image, features = body()
    if ending == "dense":
        return keras.Model(image, layers.Dense(3, activation="softmax", kernel_initializer="random_normal")(features))
    logits = layers.Dense(3, kernel_initializer="random_normal")(features)
    if ending == "nested":
        head = keras.Sequential([keras.Input((8,)), layers.Dense(3), layers.Softmax()])
        return keras.Model(image, head(features))
    if ending == "sequential":
        return keras.Sequential([keras.Input((6, 6, 1)), layers.Flatten(), layers.Dense(3, activation="softmax")])
    outputs = {
        "layer": lambda: layers.Softmax()(logits),
        "activation": lambda: layers.Activation("softmax")(logits),
        "operation": lambda: keras.ops.softmax(logits),
        "logits": lambda: logits,
    }
    return keras.Model(image, outputs[ending]())


ENDINGS = ("dense", "layer", "activation", "operation", "logits", "nested", "sequential")


def labels_for(model, factor):
    """Labels drawn so that the model is over-confident by `factor`."""
    logits = logits_model(model).predict(IMAGES, verbose=0)
    return (logits / factor + np.random.default_rng(1).gumbel(size=logits.shape)).argmax(axis=1)


@pytest.mark.parametrize("ending", ENDINGS)
def test_calibrated_model_divides_the_logits_and_keeps_every_class(ending, tmp_path):
    model = ending_in(ending)
    labels = labels_for(model, 0.5)
    weights = [weight.copy() for weight in model.get_weights()]
    calibrated = calibrate(model, (IMAGES, labels))
    logits = logits_model(model).predict(IMAGES, verbose=0)
    temperature = fit_temperature(logits, labels).temperature
    assert calibrated.get_layer("temperature").temperature == pytest.approx(temperature, rel=1e-6)
    probabilities = calibrated.predict(IMAGES, verbose=0)
    np.testing.assert_allclose(probabilities, binned.softmax(logits / temperature), atol=2e-6)
    np.testing.assert_array_equal(probabilities.argmax(1), model.predict(IMAGES, verbose=0).argmax(1))
    for before, after in zip(weights, model.get_weights(), strict=True):
        np.testing.assert_array_equal(before, after)
    path = tmp_path / "model.keras"
    calibrated.save(path)
    loaded = keras.saving.load_model(path, safe_mode=True)
    np.testing.assert_array_equal(loaded.predict(IMAGES, verbose=0), probabilities)


def test_saved_model_loads_in_a_fresh_process_without_custom_objects(tmp_path, fresh):
    images = np.random.default_rng(0).random((50, 28, 28, 1)).astype(np.float32)
    calibrated = calibrate(build(network="densenet"), (images, np.arange(50) % 10))  # layers of two packages
    calibrated.save(tmp_path / "model.keras")
    np.save(tmp_path / "images.npy", images)
    program = (
        "import sys, keras, numpy as np, calibration.model\n"
        "model = keras.saving.load_model(sys.argv[1] + '/model.keras', safe_mode=True)\n"
        "np.save(sys.argv[1] + '/out.npy', model.predict(np.load(sys.argv[1] + '/images.npy'), verbose=0))\n"
    )
    fresh("-c", program, tmp_path, check=0)
    np.testing.assert_array_equal(np.load(tmp_path / "out.npy"), calibrated.predict(images, verbose=0))


@pytest.mark.parametrize("temperature", [0.05, 0.7, 1.0, 3.3, 40.0])
def test_layer_never_lets_another_class_catch_up(temperature):
    generator = np.random.default_rng(0)
    logits = generator.normal(size=(20000, 5)).astype(np.float32) * 10 ** generator.uniform(-3, 3, (20000, 1))
    logits = logits.astype(np.float32)
    rows, top = np.arange(20000), logits.argmax(axis=1)
    second = (top + 1 + generator.integers(0, 4, 20000)) % 5
    logits[rows, second] = np.nextafter(logits[rows, top], np.float32(-np.inf))  # one step of rounding below
    scaled = keras.layers.Softmax()(TemperatureScaling(temperature)(logits))
    np.testing.assert_array_equal(np.argmax(scaled, axis=1), top)
    tied = TemperatureScaling(temperature)(np.array([[1.0, 2.0, 2.0]], np.float32))
    assert int(np.argmax(tied)) == 1 and np.asarray(tied)[0, 1] == np.asarray(tied)[0, 2]


def test_layer_is_the_temperature_up_to_a_shift():
    logits = np.array([[1.0, 3.0, -2.0]], np.float32)
    np.testing.assert_allclose(TemperatureScaling(2.0)(logits), [[-1.0, 0.0, -2.5]])
    for bad in (0.0, -1.0, float("nan"), float("inf")):
        with pytest.raises(ValueError, match="positive"):
            TemperatureScaling(bad)


def test_half_precision_networks_are_calibrated_in_float32():
    image = keras.Input((6, 6, 1))
    logits = layers.Dense(3, dtype="mixed_float16", kernel_initializer="random_normal")(layers.Flatten()(image))
    model = keras.Model(image, layers.Softmax(dtype="float32")(logits))
    calibrated = calibrate(model, (IMAGES, labels_for(model, 0.5)))
    assert calibrated.output.dtype == "float32"


def test_models_that_cannot_be_calibrated_say_why():
    image, features = body()
    two = keras.Model(image, [layers.Dense(3)(features), layers.Dense(3)(features)])
    with pytest.raises(ValueError, match="one output"):
        calibrate(two, (IMAGES, np.arange(300) % 3))
    with pytest.raises(ValueError, match="ends in the activation 'relu', expected softmax, sigmoid or logits"):
        calibrate(keras.Model(image, layers.Dense(3, activation="relu")(features)), (IMAGES, np.arange(300) % 3))

    class Subclassed(keras.Model):
        pass

    with pytest.raises(TypeError, match=r"functional.*fit_temperature\(model.predict"):
        calibrate(Subclassed(), (IMAGES, np.arange(300) % 3))
    with pytest.raises(ValueError, match="no batches"):
        calibrate(ending_in("dense"), tf.data.Dataset.from_tensor_slices((IMAGES, np.arange(300) % 3)).batch(8).take(0))


def wide():
    """Initial weights that make logits of some size."""
    return keras.initializers.RandomNormal(stddev=2.0)


def merged(kind):
    """Two networks side by side that end in a layer which merges them, or in a layer of one's own."""
    image, features = body()
    first, second = (layers.Dense(3, kernel_initializer=wide())(features) for _ in range(2))
    outputs = {
        "average": lambda: layers.Average()([layers.Softmax()(first), layers.Softmax()(second)]),
        "add": lambda: layers.Add()([first, second]),
        "dot": lambda: layers.Dot(axes=1)([layers.Reshape((1, 3))(first), layers.Reshape((1, 3))(second)]),
        "own": lambda: layers.Rescaling(1.0)(layers.Softmax()(first)),
        "power": lambda: layers.Activation("linear")(layers.Softmax()(first)),
    }
    merged = outputs[kind]()
    return keras.Model(image, merged if kind != "dot" else layers.Reshape((3,))(merged[:, 0]))


@pytest.mark.parametrize("kind", ["average", "add", "dot", "own", "power"])
def test_whatever_makes_the_output_is_calibrated(kind):
    keras.utils.set_random_seed(5)
    model = merged(kind)
    said = model.predict(IMAGES, verbose=0)
    finished = np.allclose(said.sum(axis=1), 1) and said.min() >= 0
    logits = np.log(said.astype(np.float64)) if finished else said.astype(np.float64)
    centred = logits - logits.mean(axis=1, keepdims=True)
    labels = (centred / centred.std() + np.random.default_rng(1).gumbel(size=logits.shape)).argmax(axis=1)
    fit = fit_temperature(logits, labels)
    calibrated = calibrate(model, (IMAGES, labels)).predict(IMAGES, verbose=0)
    assert fit.converged and abs(np.log(fit.temperature)) > 0.05
    np.testing.assert_allclose(calibrated, binned.softmax(logits / fit.temperature), atol=2e-4)
    np.testing.assert_array_equal(calibrated.argmax(axis=1), said.argmax(axis=1))


@pytest.mark.parametrize("ending", ["dense", "layer", "logit", "average"])
def test_a_binary_head_stays_one_number_and_gets_the_temperature_of_two_classes(ending):
    keras.utils.set_random_seed(5)
    image, features = body()
    z = layers.Dense(1, kernel_initializer=wide())(features)
    sigmoid = layers.Activation("sigmoid")
    outputs = {
        "dense": lambda: layers.Dense(1, activation="sigmoid", kernel_initializer=wide())(features),
        "layer": lambda: sigmoid(z),
        "logit": lambda: z,
        "average": lambda: layers.Average()(
            [sigmoid(z), sigmoid(layers.Dense(1, kernel_initializer=wide())(features))]
        ),
    }
    model = keras.Model(image, outputs[ending]())
    said = model.predict(IMAGES, verbose=0).astype(np.float64)
    logits = said if ending == "logit" else np.log(said / (1 - said))
    labels = (logits[:, 0] / logits.std() + np.random.default_rng(1).logistic(size=300) > 0).astype(int)
    fit = fit_temperature(np.concatenate([0 * logits, logits], axis=1), labels)
    calibrated = calibrate(model, (IMAGES, labels[:, None])).predict(IMAGES, verbose=0)
    assert fit.converged and calibrated.shape == (300, 1)
    np.testing.assert_allclose(calibrated, 1 / (1 + np.exp(-logits / fit.temperature)), atol=1e-4)


def test_inputs_may_be_dicts_lists_and_tf_data():
    left, right = keras.Input((4,), name="left"), keras.Input((2,), name="right")
    joined = layers.Dense(3, activation="softmax")(layers.Concatenate()([left, right]))
    random = np.random.default_rng(0)
    arrays = {"left": random.normal(size=(90, 4)), "right": random.normal(size=(90, 2))}
    model = keras.Model({"left": left, "right": right}, joined)
    said = np.log(model.predict(arrays, verbose=0))
    labels = (3 * said + random.gumbel(size=said.shape)).argmax(axis=1)
    calibrated = calibrate(model, (arrays, labels))
    batches = tf.data.Dataset.from_tensor_slices((arrays, labels)).batch(32)
    listed = keras.Model([left, right], joined)
    temperatures = [
        calibrated.get_layer("temperature").temperature,
        calibrate(model, batches).get_layer("temperature").temperature,
        calibrate(listed, ([arrays["left"], arrays["right"]], labels)).get_layer("temperature").temperature,
    ]
    np.testing.assert_allclose(temperatures, temperatures[0], rtol=1e-4)
    assert calibrated.predict(arrays, verbose=0).shape == (90, 3)


def test_a_calibrated_average_loads_in_safe_mode(tmp_path):
    model = merged("average")
    calibrated = calibrate(model, (IMAGES, np.arange(300) % 3))
    calibrated.save(tmp_path / "calibrated.keras")
    again = keras.saving.load_model(tmp_path / "calibrated.keras", safe_mode=True)
    np.testing.assert_allclose(again.predict(IMAGES, verbose=0), calibrated.predict(IMAGES, verbose=0), rtol=1e-6)


@pytest.mark.parametrize("from_logits", [True, False])
def test_metric_equals_the_offline_ece_over_batches(from_logits, tmp_path):
    generator = np.random.default_rng(0)
    logits = (2 * generator.normal(size=(1000, 5))).astype(np.float32)
    labels = generator.integers(0, 5, 1000)
    p = binned.softmax(logits).astype(np.float32)
    p[:5] = np.eye(5, dtype=np.float32) * 0.5 + 0.1  # confidences on an edge of float32: 0.6
    confidence = (binned.softmax(logits) if from_logits else p.astype(np.float64)).max(axis=1)
    predictions = logits if from_logits else p
    correct = predictions.argmax(axis=1) == labels
    metric = losses.ExpectedCalibrationError(from_logits=from_logits)
    for start in range(0, 1000, 300):
        metric.update_state(labels[start : start + 300, None], predictions[start : start + 300])
    assert float(metric.result()) == pytest.approx(binned.ece(confidence, correct), abs=1e-12)
    again = losses.ExpectedCalibrationError.from_config(metric.get_config())
    again.update_state(labels, predictions, sample_weight=np.arange(1000) < 400)
    assert float(again.result()) == pytest.approx(binned.ece(confidence[:400], correct[:400]), abs=1e-12)
    metric.reset_state()
    assert float(metric.result()) == 0.0


def test_metric_works_in_fit_and_evaluate():
    model = ending_in("dense")
    labels = labels_for(model, 0.5)
    model.compile("sgd", "sparse_categorical_crossentropy", metrics=[losses.ExpectedCalibrationError()])
    model.fit(IMAGES, labels, epochs=1, verbose=0)
    p = model.predict(IMAGES, verbose=0).astype(np.float64)
    expected = binned.ece(p.max(axis=1), p.argmax(axis=1) == labels)
    assert model.evaluate(IMAGES, labels, verbose=0, return_dict=True)["ece"] == pytest.approx(expected, abs=1e-6)


def test_loss_adds_weight_decay_and_reports_other_temperatures():
    model = ending_in("logits")
    labels = (np.arange(300) % 3).astype(np.int32)
    batch = {"image": IMAGES, "label": labels}
    loss, terms = losses.compute_loss(model, batch, False, weight_decay=0.1, temperatures=(1.0, 2.0))
    logits = model.predict(IMAGES, verbose=0)
    squares = sum((weight.numpy() ** 2).sum() for weight in model.weights if weight.name == "kernel") / 2
    nll = binned.nll(logits, labels).mean()
    assert float(loss) == pytest.approx(nll + 0.1 * squares, rel=1e-5)
    assert float(terms["cross_entropy"]) == float(terms["nll_at_1"]) == pytest.approx(nll, rel=1e-5)
    assert float(terms["nll_at_2"]) == pytest.approx(binned.nll(logits / 2, labels).mean(), rel=1e-5)
    assert float(terms["accuracy"]) == pytest.approx((logits.argmax(1) == labels).mean())


def test_networks_have_the_parameters_of_their_formulas():
    lenet = build_lenet()
    assert lenet.count_params() == 6 * 26 + 16 * (6 * 25 + 1) + (400 + 1) * 120 + 121 * 84 + 85 * 10
    width, units = 4, 3
    residual = build_residual(units=units, width=width)
    kernels = 9 * width + units * 2 * 9 * width**2 + 9 * width * 2 * width + units * 2 * 9 * (2 * width) ** 2
    trainable = sum(int(np.prod(weight.shape)) for weight in residual.trainable_weights)
    norms = 2 * (2 * units + 1) * width + 2 * (2 * units + 1) * 2 * width
    assert trainable == kernels + norms + (2 * width + 1) * 10
    names = [weight.path for weight in build_residual(batch_normalisation=False).weights]
    assert not any("normalization" in name for name in names)
    assert build(network="lenet").count_params() == lenet.count_params()
    with pytest.raises(ValueError, match="residual, lenet, densenet"):
        build(network="vgg")


@pytest.mark.parametrize("batch_normalisation", [True, False])
def test_residual_units_start_as_identities(batch_normalisation):
    images = np.random.default_rng(0).random((4, 28, 28, 1)).astype(np.float32)
    keras.utils.set_random_seed(1)
    deep = build_residual(units=3, width=4, batch_normalisation=batch_normalisation)
    shallow = build_residual(units=1, width=4, batch_normalisation=batch_normalisation)
    for name in (0, -1):  # stem and logits
        shallow.get_layer(index=shallow.layers.index([x for x in shallow.layers if x.weights][name])).set_weights(
            [x for x in deep.layers if x.weights][name].get_weights()
        )
    down = [[x for x in model.layers if getattr(x, "strides", None) == (2, 2)] for model in (deep, shallow)]
    for source, target in zip(*down, strict=True):
        target.set_weights(source.get_weights())
    np.testing.assert_allclose(deep(images), shallow(images), atol=1e-5)


def test_a_learned_temperature_divides_the_logits_and_is_trained(tmp_path):
    keras.utils.set_random_seed(0)
    network = build(network="lenet", learn_temperature=True)
    images = np.random.default_rng(0).random((3, 28, 28, 1), np.float32)
    plain = keras.Model(network.input, network.get_layer("logits").output)
    layer = network.get_layer("temperature")
    assert layer.temperature == 1 and any(v is layer.log_temperature for v in network.trainable_variables)
    layer.log_temperature.assign(np.log(2.5))
    np.testing.assert_allclose(network.predict(images, verbose=0), plain.predict(images, verbose=0) / 2.5, rtol=1e-5)
    network.save(tmp_path / "model.keras")
    assert keras.saving.load_model(tmp_path / "model.keras").get_layer("temperature").temperature == pytest.approx(2.5)

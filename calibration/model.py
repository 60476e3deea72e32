"""The temperature as a Keras layer, a calibrated copy of any classifier, and the networks of the experiments."""

import keras
import numpy as np
from keras import layers, ops

from calibration.temperature import fit_temperature


@keras.saving.register_keras_serializable(package="calibration")
class TemperatureScaling(layers.Layer):
    """(z - max z) / T: the softmax of the result is softmax(z / T) (Guo et al. 2017, Eq. 9).

    The largest logit becomes 0, so that in float32 no other one can round up to it, and every smaller one stays at
    least 4e-7 below, so that a softmax cannot round them together either: the predicted class never changes.

    Args:
        temperature: T > 0.

    Call arguments:
        logits (..., classes) -> (..., classes), the largest 0.
    """

    def __init__(self, temperature: float = 1.0, **kwargs):
        super().__init__(**{"dtype": "float32", **kwargs})
        if not 0.0 < temperature < float("inf"):
            raise ValueError(f"temperature must be a positive number, received {temperature}")
        self.temperature = float(temperature)

    def call(self, logits):
        gap = logits - ops.max(logits, axis=-1, keepdims=True)
        return ops.where(gap < 0.0, ops.minimum(gap / self.temperature, -4e-7), 0.0)

    def compute_output_shape(self, input_shape):
        return input_shape

    def get_config(self):
        return {**super().get_config(), "temperature": self.temperature}


def calibrate(model: keras.Model, validation: tuple, batch_size: int = 500) -> keras.Model:
    """A copy of a classifier whose probabilities are calibrated by the temperature that fits `validation` best.

    Args:
        model: functional or sequential classifier with one output (n, classes) that ends in a softmax (a layer of
            its own or an activation) or in logits. It is left as it is.
        validation: (inputs, labels) that it was not trained on; labels (n,) integers.
        batch_size: for predicting the logits.

    Returns:
        A model inputs -> calibrated probabilities (n, classes) float32, with the same predicted classes. The layer
        "temperature" holds T.

    Raises:
        TypeError, ValueError: a model of another kind, or logits and labels that cannot be fitted.
    """
    inputs, labels = validation
    uncalibrated = logits_model(model)
    logits = uncalibrated.predict(inputs, batch_size=batch_size, verbose=0).astype(np.float32)
    fit = fit_temperature(logits, np.asarray(labels))
    scaled = TemperatureScaling(fit.temperature, name="temperature")(uncalibrated.output)
    probabilities = layers.Softmax(dtype="float32", name="probabilities")(scaled)
    return keras.Model(model.inputs, probabilities, name=f"calibrated_{model.name}")


def logits_model(model: keras.Model) -> keras.Model:
    """The same network up to its logits: a softmax at its end is taken off.

    Raises:
        TypeError: not a functional or sequential model.
        ValueError: several outputs, or an end that is neither a softmax nor linear.
    """
    if not getattr(model, "outputs", None):
        raise TypeError(f"expected a functional or built sequential Keras model, received {type(model).__name__}")
    if len(model.outputs) != 1:
        raise ValueError(f"expected a model with one output, received {len(model.outputs)}; pick one of them")
    return keras.Model(model.inputs, _logits_behind(model.outputs[0]), name=f"{model.name}_logits")


def _logits_behind(output):
    """The tensor of logits from which the graph makes the tensor `output`."""
    last, node, _ = output._keras_history  # the operation that made it, and in which of its calls
    (received,) = last._inbound_nodes[node].input_tensors
    if isinstance(last, keras.Model):
        return logits_model(last)(received)
    if type(last).__name__ == "Softmax":
        return received
    activation = getattr(last, "activation", None)
    if activation not in (None, keras.activations.linear, keras.activations.softmax):
        name = getattr(activation, "__name__", activation)
        raise ValueError(
            f"the model ends in the activation '{name}', expected softmax or logits; for a binary model end in two "
            "logits instead of one sigmoid"
        )
    if activation is not keras.activations.softmax:
        return output
    if isinstance(last, layers.Activation):
        return received
    linear = type(last).from_config({**last.get_config(), "activation": "linear", "name": f"{last.name}_logits"})
    logits = linear(received)
    linear.set_weights(last.get_weights())
    return logits


def build_lenet(*, width: int = 6, classes: int = 10, image_shape: tuple[int, int, int] = (28, 28, 1)) -> keras.Model:
    """LeNet-5 with ReLU and max-pooling (LeCun et al. 1998): two 5x5 convolutions, then 120, 84, classes units.

    Args:
        width: filters of the first convolution; the second has 16 / 6 times as many.

    Returns:
        images (n, *image_shape) -> logits (n, classes) float32.
    """
    image = keras.Input(image_shape, name="image")
    x = layers.Conv2D(width, 5, padding="same", activation="relu", name="convolution1")(image)  # 28 x 28
    x = layers.Conv2D(width * 16 // 6, 5, activation="relu", name="convolution2")(layers.MaxPooling2D()(x))  # 10 x 10
    x = layers.Flatten()(layers.MaxPooling2D()(x))
    x = layers.Dense(120, activation="relu", name="dense1")(x)
    x = layers.Dense(84, activation="relu", name="dense2")(x)
    return keras.Model(image, layers.Dense(classes, dtype="float32", name="logits")(x), name="lenet")


def build_residual(
    *,
    units: int = 2,
    width: int = 16,
    batch_normalisation: bool = True,
    classes: int = 10,
    image_shape: tuple[int, int, int] = (28, 28, 1),
) -> keras.Model:
    """A pre-activation residual network (He et al. 2016) in two stages, 7x7 and 4x4 pixels for a 28x28 image.

    The last convolution of every unit starts at 0, so that depth and missing batch normalisation do not keep
    it from learning.

    Args:
        units: residual units of two 3x3 convolutions in each stage (>= 1); 4 * units + 3 layers with weights.
        width: channels of the first stage (>= 1); the second has twice as many.
        batch_normalisation: before every ReLU; without it convolutions have biases.

    Returns:
        images (n, *image_shape) -> logits (n, classes) float32.
    """

    def active(x):
        return layers.ReLU()(layers.BatchNormalization()(x) if batch_normalisation else x)

    def convolution(x, filters, strides=1, initial="he_normal"):
        more = {"padding": "same", "use_bias": not batch_normalisation, "kernel_initializer": initial}
        return layers.Conv2D(filters, 3, strides=strides, **more)(x)

    image = keras.Input(image_shape, name="image")
    x = layers.MaxPooling2D()(convolution(image, width, strides=2))  # 28 -> 14 -> 7
    for stage in range(2):
        filters = width * 2**stage
        if stage:
            x = convolution(active(x), filters, strides=2)
        for _ in range(units):
            inner = convolution(active(x), filters)
            x = layers.Add()([x, convolution(active(inner), filters, initial="zeros")])
    pooled = layers.GlobalAveragePooling2D()(active(x))
    return keras.Model(image, layers.Dense(classes, dtype="float32", name="logits")(pooled), name="residual")

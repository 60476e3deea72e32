"""The temperature as a Keras layer, and a calibrated copy of any classifier; the networks are in `networks`."""

import keras
import numpy as np
from keras import layers, ops

from calibration.methods.temperature import fit_temperature
from calibration.networks import build

__all__ = ["TemperatureScaling", "build", "calibrate", "logits_model"]


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

"""The temperature as a Keras layer, and a calibrated copy of any classifier; the networks are in `networks`."""

import keras
import numpy as np
from keras import layers, ops

from calibration.methods.inputs import looks_like_probabilities
from calibration.methods.temperature import fit_temperature
from calibration.networks import build
from common import UserTypeError

__all__ = ["LogProbabilities", "TemperatureScaling", "build", "calibrate", "logits_model"]
SOFTMAX, SIGMOID = keras.activations.softmax, keras.activations.sigmoid
PASSING = (None, keras.activations.linear, SOFTMAX, SIGMOID)  # activations whose input is a logit, or their output


@keras.saving.register_keras_serializable(package="calibration")
class TemperatureScaling(layers.Layer):
    """(z - max z) / T: the softmax of the result is softmax(z / T) (Guo et al. 2017, Eq. 9).

    The largest logit becomes 0, so that in float32 no other one can round up to it, and every smaller one stays at
    least 4e-7 below, so that a softmax cannot round them together either: the predicted class never changes.
    A single logit (..., 1), of a sigmoid, becomes z / T.

    Args:
        temperature: T > 0.

    Call arguments:
        logits (..., classes) -> (..., classes), the largest 0; (..., 1) -> (..., 1).
    """

    def __init__(self, temperature: float = 1.0, **kwargs):
        super().__init__(**{"dtype": "float32", **kwargs})
        if not 0.0 < temperature < float("inf"):
            raise ValueError(f"temperature must be a positive number, received {temperature}")
        self.temperature = float(temperature)

    def call(self, logits):
        if logits.shape[-1] == 1:
            return logits / self.temperature
        gap = logits - ops.max(logits, axis=-1, keepdims=True)
        return ops.where(gap < 0.0, ops.minimum(gap / self.temperature, -4e-7), 0.0)

    def compute_output_shape(self, input_shape):
        return input_shape

    def get_config(self):
        return {**super().get_config(), "temperature": self.temperature}


@keras.saving.register_keras_serializable(package="calibration")
class LogProbabilities(layers.Layer):
    """Logits of finished probabilities: log p of (..., classes), log p - log(1 - p) of a single one (..., 1); float32.

    Probabilities of 0 become the smallest positive float32 number; a single one keeps 6e-8 from 0 and 1.
    """

    def __init__(self, **kwargs):
        super().__init__(**{"dtype": "float32", **kwargs})

    def call(self, probabilities):
        if probabilities.shape[-1] == 1:
            p = ops.clip(probabilities, 2.0**-24, 1.0 - 2.0**-24)
            return ops.log(p) - ops.log1p(-p)
        return ops.log(ops.maximum(probabilities, float(np.finfo(np.float32).tiny)))

    def compute_output_shape(self, input_shape):
        return input_shape


def calibrate(model: keras.Model, validation, batch_size: int = 500) -> keras.Model:
    """A copy of a classifier whose probabilities are calibrated by the temperature that fits `validation` best.

    Args:
        model: functional or sequential classifier with one output: (n, classes), logits or probabilities, whatever
            made them (a softmax, an activation, the average of several networks), or (n, 1), a sigmoid or its logit,
            for two classes. It is left as it is.
        validation: (inputs, labels) that it was not trained on, inputs as the model takes them (an array, a list, a
            dict), labels (n,) or (n, 1) integers; or a tf.data.Dataset of batches of such pairs.
        batch_size: for predicting the logits of arrays.

    Returns:
        A model inputs -> calibrated probabilities float32, of the shape of the model's own output and with the same
        predicted classes. The layer "temperature" holds T.

    Raises:
        TypeError, ValueError: a model of another kind, or logits and labels that cannot be fitted.
    """
    uncalibrated = logits_model(model)
    outputs, labels = predict_all(uncalibrated, validation, batch_size)
    logits = uncalibrated.outputs[0]
    single = outputs.shape[-1] == 1
    finished = bool(outputs.min() >= 0 and outputs.max() <= 1) if single else looks_like_probabilities(outputs)
    if finished and (not single or ends_in_probability(model)):
        logits = LogProbabilities(name="log_probabilities")(logits)
        outputs = np.asarray(LogProbabilities()(outputs))
    pair = np.concatenate([np.zeros_like(outputs), outputs], axis=1) if single else outputs
    fit = fit_temperature(pair, labels)
    scaled = TemperatureScaling(fit.temperature, name="temperature")(logits)
    last = layers.Activation("sigmoid", dtype="float32", name="probabilities") if single else None
    probabilities = (last or layers.Softmax(dtype="float32", name="probabilities"))(scaled)
    return keras.Model(inputs_of(model), probabilities, name=f"calibrated_{model.name}")


def predict_all(model: keras.Model, validation, batch_size: int) -> tuple[np.ndarray, np.ndarray]:
    """Outputs (n, classes) float32 of `model` and labels, as given, for arrays or the batches of a tf.data.Dataset."""
    if isinstance(validation, tuple | list) and len(validation) == 2:
        inputs, labels = validation
        outputs, labels = model.predict(inputs, batch_size=batch_size, verbose=0), np.asarray(labels)
    else:
        batches = [(model.predict_on_batch(batch[0]), np.asarray(batch[1])) for batch in validation]
        if not batches:
            raise ValueError("validation has no batches, expected at least one of (inputs, labels); check the data set")
        outputs, labels = (np.concatenate(parts) for parts in zip(*batches, strict=True))
    return np.asarray(outputs, np.float32), labels


def logits_model(model: keras.Model) -> keras.Model:
    """The same network up to its logits: a softmax or sigmoid at its end is taken off, where there is one.

    What ends otherwise (a merge of several networks, a layer of one's own) is left as it is.

    Raises:
        TypeError: not a functional or sequential model.
        ValueError: several outputs, or an end that is another activation.
    """
    if not getattr(model, "outputs", None):
        raise UserTypeError(
            f"expected a functional or built sequential Keras model, received {type(model).__name__}. Calibrate its "
            "logits: fit_temperature(model.predict(inputs), labels)."
        )
    if len(model.outputs) != 1:
        raise ValueError(
            f"expected a model with one output, received {len(model.outputs)}. Pick one: "
            "keras.Model(model.input, model.outputs[0])."
        )
    return keras.Model(inputs_of(model), _logits_behind(model.outputs[0]), name=f"{model.name}_logits")


def inputs_of(model: keras.Model):
    """The input tensors of a model in the structure it takes: one, a list, or a dict."""
    return model.inputs if isinstance(model, keras.Sequential) else model.input


def ends_in_probability(model: keras.Model) -> bool:
    """Whether nothing at the model's end says that its single number is a logit, as a linear layer does."""
    last = model.outputs[0]._keras_history.operation
    if isinstance(last, keras.Model):
        return ends_in_probability(last)
    return getattr(last, "activation", "none of its own") not in PASSING


def _logits_behind(output):
    """The tensor of logits from which the graph makes the tensor `output`."""
    last, node, _ = output._keras_history  # the operation that made it, and in which of its calls
    call = last._inbound_nodes[node]
    if isinstance(last, keras.Model):
        received = call.input_tensors
        return logits_model(last)(received[0] if len(received) == 1 else call.arguments.args[0])
    if type(last).__name__ == "Softmax":
        return call.input_tensors[0]
    activation = getattr(last, "activation", None)
    if activation not in PASSING:
        name = getattr(activation, "__name__", activation)
        raise ValueError(f"the model ends in the activation '{name}', expected softmax, sigmoid or logits")
    if activation not in (SOFTMAX, SIGMOID):
        return output
    if isinstance(last, layers.Activation):
        return call.input_tensors[0]
    linear = type(last).from_config({**last.get_config(), "activation": "linear", "name": f"{last.name}_logits"})
    logits = linear(call.input_tensors[0])
    linear.set_weights(last.get_weights())
    return logits

"""The networks whose calibration is studied: LeNet-5, a residual network, DenseNet-BC; T as one of their weights."""

from typing import Any

import keras
from keras import layers, ops

from common.augment import augment
from common.options import one_of
from common.shapes import image_of
from densenet import model as densenet


@keras.saving.register_keras_serializable(package="calibration")
class LearnedTemperature(layers.Layer):
    """z / T with T = exp(t), t a weight that is trained along with the network; T starts at 1. float32."""

    def __init__(self, **kwargs):
        super().__init__(**{"dtype": "float32", **kwargs})

    def build(self, input_shape):
        self.log_temperature = self.add_weight(name="log_temperature", shape=(), initializer="zeros")

    def call(self, logits):
        return logits / ops.exp(self.log_temperature)

    @property
    def temperature(self) -> float:
        """T now."""
        return float(ops.exp(self.log_temperature))

    def compute_output_shape(self, input_shape):
        return input_shape


def build(
    *,
    network: str = "residual",
    units: int = 2,
    width: int = 16,
    batch_normalisation: bool = True,
    learn_temperature: bool = False,
    classes: int = 10,
    image_shape: tuple[int, int, int] = (28, 28, 1),
    augmentation: dict | None = None,
) -> keras.Model:
    """One of the networks by name.

    Args:
        network: "residual", "lenet" or "densenet" (BC: 3 blocks of 2 layers, growth rate 12).
        units, width, batch_normalisation: of the residual network, see `build_residual`.
        learn_temperature: end in a `LearnedTemperature`.
        classes: number of logits.
        image_shape: (height, width, channels).
        augmentation: amounts of `common.augment.RandomAffine`, which changes training images; None: none.

    Returns:
        images (n, *image_shape) -> logits (n, classes) float32.

    Raises:
        ValueError: unknown network.
    """
    one_of("network", network, ("residual", "lenet", "densenet"))
    task: dict[str, Any] = {"classes": classes, "image_shape": image_shape, "augmentation": augmentation}
    if learn_temperature:
        same: dict[str, Any] = {
            "network": network,
            "units": units,
            "width": width,
            "batch_normalisation": batch_normalisation,
        }
        plain = build(**same, **task)
        return keras.Model(plain.input, LearnedTemperature(name="temperature")(plain.output), name=plain.name)
    if network == "residual":
        return build_residual(units=units, width=width, batch_normalisation=batch_normalisation, **task)
    if network == "lenet":
        return build_lenet(**task)
    return densenet.build(depth=2, bottleneck=True, compression=0.5, dropout=0.0, **task)


def build_lenet(
    *,
    width: int = 6,
    classes: int = 10,
    image_shape: tuple[int, int, int] = (28, 28, 1),
    augmentation: dict | None = None,
) -> keras.Model:
    """LeNet-5 with ReLU and max-pooling (LeCun et al. 1998): two 5x5 convolutions, then 120, 84, classes units.

    Args:
        width: filters of the first convolution; the second has 16 / 6 times as many.

    Returns:
        images (n, *image_shape) -> logits (n, classes) float32.
    """
    image_of(image_shape, 12, "LeNet")
    image = keras.Input(image_shape, name="image")
    x = augment(image, augmentation)
    x = layers.Conv2D(width, 5, padding="same", activation="relu", name="convolution1")(x)  # 28 x 28
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
    augmentation: dict | None = None,
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

    image_of(image_shape, 3, "The residual network", any_size=True)
    image = keras.Input(image_shape, name="image")
    x = layers.MaxPooling2D()(convolution(augment(image, augmentation), width, strides=2))  # 28 -> 14 -> 7
    for stage in range(2):
        filters = width * 2**stage
        if stage:
            x = convolution(active(x), filters, strides=2)
        for _ in range(units):
            inner = convolution(active(x), filters)
            x = layers.Add()([x, convolution(active(inner), filters, initial="zeros")])
    pooled = layers.GlobalAveragePooling2D()(active(x))
    return keras.Model(image, layers.Dense(classes, dtype="float32", name="logits")(pooled), name="residual")

"""DenseNet for 28x28 images, after the post, and the plain and residual networks it is compared with.

Every block pre-activates: batch normalisation, ReLU, 3x3 convolution without bias, dropout.
"""

import keras
from keras import layers

from common.augment import augment
from common.options import one_of
from common.shapes import image_of

MOMENTUM = 0.99  # Keras' default


def normalisation(momentum: float, name: str) -> layers.BatchNormalization:
    """Batch normalisation with the post's epsilon."""
    return layers.BatchNormalization(momentum=momentum, epsilon=1.1e-5, name=name)


def convolution(filters: int, kernel_size: int, **more) -> layers.Conv2D:
    """A convolution as everywhere in DenseNet: same padding, no bias, He's uniform initial weights."""
    return layers.Conv2D(
        filters, kernel_size, padding="same", use_bias=False, kernel_initializer="he_uniform", **more
    )  # fmt: skip


@keras.saving.register_keras_serializable(package="densenet")
class NormalisedConvolution(layers.Layer):
    """BN - ReLU - convolution - dropout: the composite function H of DenseNet, Section 3.

    Args:
        filters: output channels (>= 1).
        kernel_size: 1 or 3.
        dropout: share of outputs dropped in training, in [0, 1).
        momentum: of the moving averages of batch normalisation, in [0, 1).

    Call arguments:
        (n, rows, columns, channels) -> (n, rows, columns, filters).
    """

    def __init__(self, filters: int, kernel_size: int = 3, dropout: float = 0.0, momentum: float = MOMENTUM, **kwargs):
        super().__init__(**kwargs)
        self.filters, self.kernel_size, self.rate, self.momentum = filters, kernel_size, dropout, momentum
        self.normalise = normalisation(momentum, "normalise")
        self.convolve = convolution(filters, kernel_size, name="convolve")
        self.drop = layers.Dropout(dropout, name="drop")

    def build(self, input_shape):
        self.normalise.build(input_shape)
        self.convolve.build(input_shape)
        self.drop.build(self.compute_output_shape(input_shape))

    def call(self, inputs, training=False):
        active = keras.ops.relu(self.normalise(inputs, training=training))
        return self.drop(self.convolve(active), training=training)

    def compute_output_shape(self, input_shape):
        return (*input_shape[:-1], self.filters)

    def get_config(self):
        own = {"filters": self.filters, "kernel_size": self.kernel_size}
        own |= {"dropout": self.rate, "momentum": self.momentum}
        return {**super().get_config(), **own}


class Block(layers.Layer):
    """`depth` units of one connection pattern; subclasses say how a unit's output joins its input.

    Args:
        depth: number of 3x3 convolutions (>= 1).
        width: channels each of them makes (>= 1): the growth rate k of a dense block.
        bottleneck: put a 1x1 convolution to 4 * width channels before each 3x3 convolution (DenseNet-B).
        dropout: after every convolution, in [0, 1).
        momentum: of the moving averages of batch normalisation, in [0, 1).
    """

    def __init__(
        self,
        depth: int,
        width: int,
        bottleneck: bool = False,
        dropout: float = 0.0,
        momentum: float = MOMENTUM,
        **kwargs,
    ):
        super().__init__(**kwargs)
        self.depth, self.width, self.bottleneck = depth, width, bottleneck
        self.rate, self.momentum = dropout, momentum
        self.units = [self.make_unit(index) for index in range(depth)]

    def make_unit(self, index: int) -> list[layers.Layer]:
        """The convolutions of one unit, in order."""
        narrow = [NormalisedConvolution(4 * self.width, 1, self.rate, self.momentum, name=f"narrow{index}")]
        wide = NormalisedConvolution(self.width, 3, self.rate, self.momentum, name=f"unit{index}")
        return [*(narrow if self.bottleneck else []), wide]

    def build(self, input_shape):
        shape = tuple(input_shape)
        for index, unit in enumerate(self.units):
            inner = shape
            for layer in unit:
                layer.build(inner)
                inner = layer.compute_output_shape(inner)
            shape = (*shape[:-1], self.channels_after(index, shape[-1]))

    def channels_after(self, index: int, channels: int) -> int:
        """Channels once unit `index` has joined `channels` incoming ones."""
        return self.width

    def join(self, index: int, features, new):
        """What the next unit sees."""
        return new

    def call(self, features, training=False):
        for index, unit in enumerate(self.units):
            new = features
            for layer in unit:
                new = layer(new, training=training)
            features = self.join(index, features, new)
        return features

    def compute_output_shape(self, input_shape):
        channels = input_shape[-1]
        for index in range(self.depth):
            channels = self.channels_after(index, channels)
        return (*input_shape[:-1], channels)

    def get_config(self):
        own = {"depth": self.depth, "width": self.width, "bottleneck": self.bottleneck}
        own |= {"dropout": self.rate, "momentum": self.momentum}
        return {**super().get_config(), **own}


@keras.saving.register_keras_serializable(package="densenet")
class DenseBlock(Block):
    """x_l = H_l([x_0, x_1, ..., x_(l-1)]) (DenseNet, Eq. 2): every unit sees all before it, by concatenation."""

    def channels_after(self, index, channels):
        return channels + self.width

    def join(self, index, features, new):
        return keras.ops.concatenate([features, new], axis=-1)


@keras.saving.register_keras_serializable(package="densenet")
class PlainBlock(Block):
    """x_l = H_l(x_(l-1)): no connection around a unit."""


@keras.saving.register_keras_serializable(package="densenet")
class ResidualBlock(Block):
    """x_(l+2) = H_(l+2)(H_(l+1)(x_l)) + x_l (He et al. 2016): a sum around every two units.

    Needs `width` input channels and an even depth, so that identities fit.
    """

    def build(self, input_shape):
        if input_shape[-1] != self.width or self.depth % 2:
            raise ValueError(
                f"a residual block needs {self.width} input channels (its width) and an even depth, received "
                f"{input_shape[-1]} channels and depth {self.depth}; set stem_filters to the width"
            )
        super().build(input_shape)

    def call(self, features, training=False):
        for first, second in zip(self.units[::2], self.units[1::2], strict=True):
            new = features
            for layer in [*first, *second]:
                new = layer(new, training=training)
            features = features + new
        return features


BLOCKS = {"dense": DenseBlock, "plain": PlainBlock, "residual": ResidualBlock}


@keras.saving.register_keras_serializable(package="densenet")
class Transition(layers.Layer):
    """BN - ReLU - 1x1 convolution - 2x2 average pooling, between two blocks.

    Args:
        compression: the convolution makes floor(compression * channels) channels, in (0, 1] (DenseNet-C: 0.5).
        dropout: after the convolution, in [0, 1).
        momentum: of the moving averages of batch normalisation, in [0, 1).

    Call arguments:
        (n, rows, columns, channels) -> (n, rows // 2, columns // 2, floor(compression * channels)).
    """

    def __init__(self, compression: float = 1.0, dropout: float = 0.0, momentum: float = MOMENTUM, **kwargs):
        super().__init__(**kwargs)
        self.compression, self.rate, self.momentum = compression, dropout, momentum
        self.pool = layers.AveragePooling2D(2, name="pool")

    def build(self, input_shape):
        filters = int(self.compression * input_shape[-1])
        self.convolve = NormalisedConvolution(filters, 1, self.rate, self.momentum, name="convolve")
        self.convolve.build(input_shape)

    def call(self, inputs, training=False):
        return self.pool(self.convolve(inputs, training=training))

    def compute_output_shape(self, input_shape):
        n, *sides, channels = input_shape
        return (n, *(side and side // 2 for side in sides), int(self.compression * channels))

    def get_config(self):
        own = {"compression": self.compression, "dropout": self.rate, "momentum": self.momentum}
        return {**super().get_config(), **own}


def build(
    *,
    connection: str = "dense",
    blocks: int = 3,
    depth: int = 4,
    width: int = 12,
    stem_filters: int = 24,
    stem_normalisation: bool = True,
    bottleneck: bool = False,
    compression: float = 1.0,
    dropout: float = 0.2,
    momentum: float = MOMENTUM,
    classes: int = 10,
    image_shape: tuple[int, int, int] = (28, 28, 1),
    statistics: tuple[float, float] | None = None,
    augmentation: dict | None = None,
) -> keras.Model:
    """Stem - blocks with transitions between them - BN - ReLU - global average pooling - logits.

    The defaults are the post's network with its one slip mended; `stem_normalisation=False` has the slip (the post
    computes the stem's batch normalisation and then feeds the ReLU from before it): 141,010 trainable and
    143,890 total parameters.

    Args:
        connection: "dense", "plain" or "residual".
        blocks: number of blocks (>= 1); the image is halved by the stem and by every transition.
        depth: 3x3 convolutions in a block.
        width: channels of each: the growth rate of a dense block.
        stem_filters: channels of the first convolution.
        stem_normalisation: normalise them before the ReLU.
        bottleneck: DenseNet-B.
        compression: DenseNet-C where below 1.
        dropout: after every convolution but the stem.
        momentum: of the moving averages of batch normalisation: Keras' 0.99, as in the post; Torch's, with which the
            paper was made, is 0.9 and follows the batches after tens of steps instead of hundreds.
        classes: number of logits.
        image_shape: rows, columns, channels; rows and columns may be None, for images of any size.
        statistics: mean and standard deviation (> 0) by which a first layer standardises the images; None: as they are.
        augmentation: amounts of `common.augment.RandomAffine`, which changes training images before that; None: none.

    Returns:
        A functional model: (n, *image_shape) -> logits (n, classes) float32.

    Raises:
        ValueError: unknown connection, or an image that is halved to nothing.
    """
    one_of("connection", connection, BLOCKS)
    # the stem rounds up, the transitions round down
    image_of(image_shape, 2**blocks - 1, f"A network of {blocks} blocks, which halve the image {blocks} times,", True)
    image = keras.Input(image_shape, name="image")
    seen = augment(image, augmentation)
    if statistics:
        mean, deviation = statistics
        seen = layers.Rescaling(1 / deviation, -mean / deviation, name="standardise")(seen)
    features = convolution(stem_filters, 3, name="stem")(seen)
    if stem_normalisation:
        features = normalisation(momentum, "stem_normalisation")(features)
    features = layers.MaxPooling2D(3, 2, padding="same", name="stem_pool")(layers.ReLU()(features))  # 28 -> 14
    for index in range(blocks):
        if index:
            features = Transition(compression, momentum=momentum, name=f"transition{index}")(features)
        block = BLOCKS[connection](depth, width, bottleneck, dropout, momentum, name=f"block{index + 1}")
        features = block(features)
    features = layers.ReLU()(normalisation(momentum, "last_normalisation")(features))
    pooled = layers.GlobalAveragePooling2D(name="pool")(features)
    logits = layers.Dense(classes, dtype="float32", name="logits")(pooled)
    return keras.Model(image, logits, name=f"{connection}_network")

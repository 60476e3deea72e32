"""Random affine changes of training images, in the graph."""

import math

import keras
from keras import layers, ops


@keras.saving.register_keras_serializable(package="common")
class RandomAffine(layers.Layer):
    """Shifts, rotates, shears and scales every image by draws of its own, then blanks a square; only in training.

    Pixel (x, y) of the result shows pixel A (x - c - t) + c of the image, bilinear, 0 outside; c the centre, t the
    shift and A = rotation @ shear / scale. All draws are uniform and symmetric about no change.

    Args:
        shift: largest shift in pixels, in each axis.
        rotation: largest angle in degrees.
        shear: largest shear (tangent).
        scale: largest relative change of size, in [0, 1), the same in both axes.
        cutout: side in pixels of the square set to 0 around a random pixel; 0 for none.
        flip: mirror every second image, on average, left to right first.
        seed: of the layer's own random stream.
    """

    def __init__(self, shift=0.0, rotation=0.0, shear=0.0, scale=0.0, cutout=0, flip=False, seed=None, **kwargs):
        kwargs.setdefault("dtype", "float32")  # what it returns is the target of the reconstruction
        super().__init__(**kwargs)
        if min(shift, rotation, shear, scale, cutout) < 0 or scale >= 1:
            raise ValueError(
                f"RandomAffine needs amounts of 0 or more and a scale below 1, received shift {shift}, rotation "
                f"{rotation}, shear {shear}, scale {scale}, cutout {cutout}."
            )
        self.amounts = {
            "shift": shift,
            "rotation": rotation,
            "shear": shear,
            "scale": scale,
            "cutout": cutout,
            "flip": flip,
        }
        self.seed = seed
        self.generator = keras.random.SeedGenerator(seed)

    def uniform(self, count, largest):
        """`count` draws from [-largest, largest]."""
        if not largest:
            return ops.zeros((count,))
        return keras.random.uniform((count,), -largest, largest, seed=self.generator)

    def call(self, images, training=False):
        """Images (n, height, width, channels) of known size; the same shape."""
        if not training or not any(self.amounts.values()):
            return images
        count, (height, width) = ops.shape(images)[0], images.shape[1:3]
        if any(self.amounts[name] for name in ("shift", "rotation", "shear", "scale", "flip")):
            images = through(images, self.draw_transforms(count, height, width))
        return self.blank(images) if self.amounts["cutout"] else images

    def draw_transforms(self, count, height, width):
        """(n, 8): rows (a, b, e, c, d, f, 0, 0) of the map (x, y) -> (a x + b y + e, c x + d y + f)."""
        amounts = self.amounts
        angle = self.uniform(count, amounts["rotation"]) * (math.pi / 180)
        shear, size = self.uniform(count, amounts["shear"]), 1.0 + self.uniform(count, amounts["scale"])
        dx, dy = self.uniform(count, amounts["shift"]), self.uniform(count, amounts["shift"])
        cosine, sine = ops.cos(angle), ops.sin(angle)
        a, b = cosine / size, (cosine * shear - sine) / size
        c, d = sine / size, (sine * shear + cosine) / size
        if amounts["flip"]:
            mirrored = ops.where(keras.random.uniform((count,), seed=self.generator) < 0.5, -1.0, 1.0)
            a, c = mirrored * a, mirrored * c
        x, y = (width - 1) / 2 + dx, (height - 1) / 2 + dy
        e, f = (width - 1) / 2 - a * x - b * y, (height - 1) / 2 - c * x - d * y
        none = ops.zeros_like(a)
        return ops.stack([a, b, e, c, d, f, none, none], axis=1)

    def blank(self, images):
        """A square of `cutout` pixels around a random pixel becomes 0."""
        inside = []
        for axis in (1, 2):
            side = images.shape[axis]
            centre = keras.random.uniform((ops.shape(images)[0], 1), 0, side, seed=self.generator)
            inside.append(ops.abs(ops.arange(side, dtype="float32") + 0.5 - centre) < self.amounts["cutout"] / 2)
        hidden = ops.logical_and(inside[0][:, :, None], inside[1][:, None, :])[..., None]
        return ops.where(hidden, 0.0, images)

    def compute_output_shape(self, input_shape):
        return input_shape

    def get_config(self):
        return {**super().get_config(), **self.amounts, "seed": self.seed}


def through(images, transforms):
    """Images (n, height, width, channels) through their maps of `draw_transforms`: bilinear, 0 outside.

    `keras.ops.image.affine_transform`, written out because TensorFlow's operation behind it cannot be compiled by XLA.
    """
    count, (height, width, channels) = ops.shape(images)[0], images.shape[1:]
    a, b, e, c, d, f, *_ = (row[:, None, None] for row in ops.unstack(ops.cast(transforms, "float32"), 8, axis=1))
    y, x = ops.meshgrid(ops.arange(height, dtype="float32"), ops.arange(width, dtype="float32"), indexing="ij")
    x, y = ops.clip(a * x + b * y + e, -1, width), ops.clip(c * x + d * y + f, -1, height)  # where a pixel comes from
    left, top = ops.minimum(ops.floor(x), width - 1), ops.minimum(ops.floor(y), height - 1)
    padded = ops.reshape(ops.pad(images, [[0, 0], [1, 1], [1, 1], [0, 0]]), (-1, channels))
    first = ops.arange(count, dtype="int32")[:, None, None] * ((height + 2) * (width + 2))  # pixel of each image
    corner = first + ops.cast((top + 1) * (width + 2) + left + 1, "int32")
    x, y = (x - left)[..., None], (y - top)[..., None]
    upper, lower = (
        (1 - x) * ops.take(padded, corner + row, axis=0) + x * ops.take(padded, corner + row + 1, axis=0)
        for row in (0, width + 2)
    )
    return (1 - y) * upper + y * lower


def augment(image, amounts=None):
    """`image` behind a `RandomAffine` of these amounts (a dict); `image` itself where none is above 0."""
    return RandomAffine(**amounts, name="augmentation")(image) if amounts and any(amounts.values()) else image

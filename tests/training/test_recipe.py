"""The recipe that classifiers share: augmentation inside the network, averaged weights at the end of training."""

import functools

import keras
import numpy as np
import pytest

from calibration import networks
from calibration.config import Config as CalibrationConfig
from capsnet.config import Config as CapsNetConfig
from common.augment import RandomAffine
from data.dataset import Dataset
from densenet import model as densenet
from densenet.config import Config as DenseNetConfig
from training import loop
from training.recipe import Recipe
from training.run import Run
from training.settings import SettingsError

random = np.random.default_rng(0)
BUILDERS = {
    "densenet": functools.partial(densenet.build, depth=1, width=4, stem_filters=4, dropout=0.0),
    **{name: functools.partial(networks.build, network=name) for name in ("lenet", "residual")},
    "learned temperature": functools.partial(networks.build, network="lenet", learn_temperature=True),
}


@pytest.mark.parametrize("config", [CapsNetConfig, CalibrationConfig, DenseNetConfig])
def test_every_classifier_takes_it_and_it_names_its_layers_arguments(config):
    settings = config(
        **({"network": "efficient"} if config is CapsNetConfig else {}), rotation=5.0, cutout=3, flip=True
    )
    assert RandomAffine(**settings.augmentation).amounts["cutout"] == 3
    assert config(average=0.9).averaging(1000) == {"use_ema": True, "ema_momentum": 0.9}
    assert config(average=0.999).averaging(100)["ema_momentum"] == 0.9, "short trainings forget their beginning"
    assert config(average=0.9).averaging(5)["ema_momentum"] == 0.0 and not config().averaging(100)


@pytest.mark.parametrize("wrong", [{"scale": 1.0}, {"average": 1.0}, {"rotation": -1.0}, {"max_shift": -1}])
def test_amounts_that_mean_nothing_are_refused(wrong):
    with pytest.raises(SettingsError, match=r"must be (at least 0|below 1)"):
        Recipe(**wrong)


@pytest.mark.parametrize("name", BUILDERS)
def test_images_change_in_training_and_never_when_asked(name):
    images = random.random((6, 28, 28, 1), np.float32)
    plain, changed = BUILDERS[name](), BUILDERS[name](augmentation=Recipe(max_shift=4, flip=True).augmentation)
    changed.set_weights(plain.get_weights())
    np.testing.assert_array_equal(changed(images), plain(images))
    seen = keras.Model(changed.input, changed.get_layer("augmentation").output)
    assert np.abs(seen(images, training=True) - images).max(axis=(1, 2, 3)).min() > 0.1
    assert "augmentation" not in [layer.name for layer in BUILDERS[name](augmentation=Recipe().augmentation).layers]


def test_training_ends_with_the_moving_average_of_the_weights(tmp_path):
    """w <- w - 0.1 dL/dw, mean <- 0.8 mean + 0.2 w; the first step's weights start the mean."""
    split = {"x": random.normal(size=(10, 1)).astype(np.float32)}
    model = keras.Sequential([keras.Input((1,)), keras.layers.Dense(1, use_bias=False)])
    weight = float(model.get_weights()[0][0, 0])

    def compute_loss(model, batch, training):
        loss = keras.ops.mean((model(batch["x"]) - 3 * batch["x"]) ** 2)
        return loss, {}

    config = Recipe(epochs=3, batch_size=5, shuffle=False, average=0.8, runs_dir=str(tmp_path))
    optimizer = keras.optimizers.SGD(0.1, **config.averaging(100))
    run = Run.open("method", "blog", config, "line")
    loop.fit(model, compute_loss, Dataset("line", "line", split, split, split), config, run, optimizer)
    mean = None
    for batch in [split["x"][:5], split["x"][5:]] * 3:
        weight -= 0.1 * 2 * float(np.mean((weight - 3) * batch**2))
        mean = weight if mean is None else 0.8 * mean + 0.2 * weight
    assert float(model.get_weights()[0][0, 0]) == pytest.approx(mean, rel=1e-5)
    assert abs(mean - weight) > 0.01

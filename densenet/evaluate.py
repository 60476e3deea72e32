"""What is measured on the test split: `python -m densenet.evaluate RUN [--data PATH]` asks it of any images."""

if __name__ == "__main__":  # before what loads TensorFlow
    from commands.evaluate import main

    main("densenet")

from data.dataset import Dataset
from densenet.config import Config, make_objective
from training import loop


def test_metrics(network, dataset: Dataset, config: Config, run=None) -> dict[str, float]:
    """Error, negative log-likelihood and number of parameters."""
    terms = loop.evaluate(network, make_objective(config), dataset.test)
    return {
        "test/error_percent": 100 * (1 - terms["accuracy"]),
        "test/nll_nats": terms["cross_entropy"],
        "parameters_total": network.count_params(),
    }

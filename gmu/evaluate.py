"""How good predictions and gates are, for one model or for many copies at once (a leading axis).

`python -m gmu.evaluate RUN [--data PATH]` measures a trained unit on any table of the same modalities.
"""

if __name__ == "__main__":  # before what loads TensorFlow
    from commands.evaluate import main

    main("gmu")

import numpy as np

from gmu.config import inputs_of, modalities_of


def test_metrics(network, dataset, config, run=None):
    """`score` on the test split; of own data `score_classes`."""
    from training import loop

    outputs = loop.predict(network, inputs_of(dataset, dataset.test))
    if "source" in dataset.test:
        scores = score(outputs, dataset.test, config.cross_entropy)
    else:
        scores = score_classes(outputs, dataset.test["label"], modalities_of(dataset))
    return {name: float(value) for name, value in scores.items()}


def score_classes(outputs, labels, modalities):
    """Error, negative log-likelihood and mean gates for any number of classes and modalities.

    Args:
        outputs: `logits` (n, classes) and, if the model has them, `gates` (n, K, D or 1).
        labels: (n,).
        modalities: K names.

    Returns:
        `test/error_percent`, `test/nll_nats` of the softmax, and `gate/<modality>`: mean over rows and units.
    """
    logits = outputs["logits"].astype(np.float64)
    logits -= logits.max(axis=-1, keepdims=True)
    log_probabilities = logits - np.log(np.exp(logits).sum(axis=-1, keepdims=True))
    scores = {
        "test/error_percent": 100 * (logits.argmax(-1) != labels).mean(),
        "test/nll_nats": -log_probabilities[np.arange(len(labels)), labels].mean(),
    }
    if "gates" in outputs:
        gates = outputs["gates"].mean(axis=(0, 2))
        scores |= {f"gate/{name}": gate for name, gate in zip(modalities, gates, strict=True)}
    return scores


def gate_auc(gate, source):
    """Area under the ROC curve of a gate as the detector of the informative modality (1: always right, 0: inverted).

        AUC = (R - p (p + 1) / 2) / (p q),   R: sum of the ranks of the p samples with source 1, q: the others

    Ties count one half, so a constant gate has .5.

    Args:
        gate: (..., n), the gate of modality 1, mean over its units.
        source: (n,) or (..., n), 1 where modality 1 is the informative one; both values must occur.

    Returns:
        float64 array (...) in [0, 1].
    """
    from scipy.stats import rankdata  # here, because it takes a third of a second that --help need not wait

    positive = np.asarray(source) == 1
    p, q = positive.sum(-1), (~positive).sum(-1)
    rank_sum = (rankdata(gate, axis=-1) * positive).sum(-1)
    return (rank_sum - p * (p + 1) / 2) / (p * q)


def correlation(first, second):
    """Pearson's correlation along the last axis; 0 where one of the two is constant."""
    first, second = (np.asarray(values, np.float64) for values in (first, second))
    first, second = (values - values.mean(-1, keepdims=True) for values in (first, second))
    scale = np.sqrt((first**2).sum(-1) * (second**2).sum(-1))
    return (first * second).sum(-1) / np.where(scale > 0, scale, 1)


def wilson_interval(successes, trials, level=0.95):
    """Wilson's score interval of a proportion, which stays sensible at 0 and at `trials` successes.

        (k + z^2/2 +- z sqrt(k (n - k) / n + z^2/4)) / (n + z^2)

    Args:
        successes: k in 0..trials.
        trials: n >= 1.
        level: coverage in (0, 1).

    Returns:
        (low, high), fractions in [0, 1].
    """
    from scipy.stats import norm

    z = norm.ppf((1 + level) / 2)
    center = successes + z**2 / 2
    margin = z * np.sqrt(successes * (trials - successes) / trials + z**2 / 4)
    return (center - margin) / (trials + z**2), (center + margin) / (trials + z**2)


def log_odds(logits, cross_entropy):
    """log P(C = 1) / P(C = 0) of two logits; with "sigmoid" P(C = 1) is the sigmoid of the second, as the post plots.

    Args:
        logits: (..., 2).
        cross_entropy: the loss they were trained with, "sigmoid" or "softmax".

    Returns:
        Array (...).
    """
    return logits[..., 1] if cross_entropy == "sigmoid" else logits[..., 1] - logits[..., 0]


def score(outputs, split, cross_entropy):
    """Error, negative log-likelihood and gate metrics on a split.

    Args:
        outputs: the model's `logits` (..., n, 2) and, if it has them, `gates` (..., n, K, D or 1).
        split: `label` and `source`, (n,) or (..., n); source is 1 where the first modality is the informative one.
        cross_entropy: see `log_odds`.

    Returns:
        Dict of float64 arrays (...), means over the n samples: `test/error_percent` (of the larger logit),
        `test/nll_nats` and, with gates, `gate_accuracy_percent`, `gate_auc` and `gate_correlation` (z and M) of the
        mean gate over the units.
    """
    logits = outputs["logits"].astype(np.float64)
    sign = 2.0 * split["label"] - 1
    scores = {
        "test/error_percent": 100 * (logits.argmax(-1) != split["label"]).mean(-1),
        "test/nll_nats": np.logaddexp(0, -sign * log_odds(logits, cross_entropy)).mean(-1),
    }
    if "gates" in outputs:
        gate = outputs["gates"][..., 0, :].mean(-1)
        scores["gate_accuracy_percent"] = 100 * ((gate > 0.5) == split["source"]).mean(-1)
        scores["gate_auc"] = gate_auc(gate, split["source"])
        scores["gate_correlation"] = correlation(gate, split["source"])
    return scores


def bayes_log_odds(law, visual, textual):
    """Log-odds of C = 1 and of M = 1 given both modalities, under the law that generates them.

        log sum_m p(C = 1, M = m) p(x | C = 1, M = m)  -  the same for C = 0;   for M with the roles exchanged

    Args:
        law: `data.synthetic.TwoModalities`.
        visual, textual: (..., d), not scaled.

    Returns:
        (class log-odds, source log-odds), arrays (...).
    """

    def log_normal(values, mean):  # without the constant, which cancels
        return -0.5 * ((values - np.asarray(mean)) ** 2).sum(-1)

    joint = {}  # (class, source) -> log p(C, M, x)
    for c in (0, 1):
        prior = np.log(law.p_c if c else 1 - law.p_c)
        visual_informs = log_normal(visual, law.mu_v[c]) + log_normal(textual, law.mu_t_noise)
        textual_informs = log_normal(visual, law.mu_v_noise) + log_normal(textual, law.mu_t[c])
        joint[c, 1] = prior + np.log(law.p_m) + visual_informs
        joint[c, 0] = prior + np.log(1 - law.p_m) + textual_informs
    class_odds = np.logaddexp(joint[1, 0], joint[1, 1]) - np.logaddexp(joint[0, 0], joint[0, 1])
    source_odds = np.logaddexp(joint[0, 1], joint[1, 1]) - np.logaddexp(joint[0, 0], joint[1, 0])
    return class_odds, source_odds

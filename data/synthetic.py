"""The synthetic two-modality data of the GMU post (Arevalo et al. 2017, section 3.1)."""

import dataclasses

import numpy as np

from data.dataset import DataError, Dataset, Split

Mean = float | tuple[float, ...]  # a number, or a vector for modalities in R^d


@dataclasses.dataclass(frozen=True)
class TwoModalities:
    """The generating graph: class C sets both signals; M says which modality carries its signal.

        C ~ Bernoulli(p_c), M ~ Bernoulli(p_m), y_v ~ N(mu_v[C], I), y_t ~ N(mu_t[C], I)
        x_v = M y_v + (1 - M) noise_v,  x_t = M noise_t + (1 - M) y_t,  noise ~ N(mu_noise, I)

    The defaults are those of the post.
    """

    p_c: float = 0.5
    p_m: float = 0.5
    mu_v: tuple[Mean, Mean] = (1.0, 8.0)
    mu_t: tuple[Mean, Mean] = (13.0, 19.0)
    mu_v_noise: Mean = 17.0
    mu_t_noise: Mean = 10.0

    def sample(self, n: int, random: np.random.RandomState | np.random.Generator) -> Split:
        """Draws `n` rows in the post's order: c, m, y_v, y_t, noise_v, noise_t.

        Returns:
            `visual`, `textual` float64 (n, d), `label` (= C) and `source` (= M) int32 (n,), not centred; d is
            1 for numbers as means.
        """
        if n < 1:
            raise DataError(f"n is {n}, expected at least 1 sample")
        c = random.binomial(n=1, p=self.p_c, size=n)
        m = random.binomial(n=1, p=self.p_m, size=n)

        def normal(means, chosen):
            """Unit variance around row `chosen` of `means`, (n, d); the same stream as randn."""
            centers = np.asarray(means, np.float64).reshape(len(means), -1)[chosen]
            return random.standard_normal(centers.shape) + centers

        y_v, y_t = normal(self.mu_v, c), normal(self.mu_t, c)
        noise_v, noise_t = normal([self.mu_v_noise], 0 * c), normal([self.mu_t_noise], 0 * c)
        return {
            "visual": np.where(m[:, None], y_v, noise_v),
            "textual": np.where(m[:, None], noise_t, y_t),
            "label": c.astype(np.int32),
            "source": m.astype(np.int32),
        }

    def along_diagonal(self, dimensions: int) -> "TwoModalities":
        """The same distances between the means, which lie on the diagonal of R^dimensions."""

        def place(mean):
            return (mean / dimensions**0.5,) * dimensions

        return dataclasses.replace(
            self,
            mu_v=tuple(place(mean) for mean in self.mu_v),
            mu_t=tuple(place(mean) for mean in self.mu_t),
            mu_v_noise=place(self.mu_v_noise),
            mu_t_noise=place(self.mu_t_noise),
        )


def two_modalities(
    n: int = 400,
    data_seed: int = 41,
    scaling: str = "center",
    test_examples: int = 20_000,
    distribution: TwoModalities = TwoModalities(),
) -> Dataset:
    """The post's training sample, with fresh validation and test samples of the same distribution.

    Args:
        n: training samples; the post draws 400.
        data_seed: seed of NumPy's RandomState; the post uses 41. Validation and test have their own streams.
        scaling: `none`; `center` subtracts the training means, as the post; `standardize` also divides by
            the training standard deviations.
        test_examples: fresh samples for the test split (and a tenth of it for validation).
        distribution: class means and probabilities.

    Returns:
        Dataset with float32 `visual`, `textual` (n, d) and int32 `label` (= C), `source` (= M) (n,).
    """
    if scaling not in ("none", "center", "standardize"):
        raise DataError(f"unknown scaling '{scaling}', expected none, center or standardize")
    streams = np.random.SeedSequence(data_seed).spawn(2)
    splits = {
        "train": distribution.sample(n, np.random.RandomState(data_seed)),
        "validation": distribution.sample(max(1, test_examples // 10), np.random.default_rng(streams[0])),
        "test": distribution.sample(test_examples, np.random.default_rng(streams[1])),
    }
    shift, scale = {}, {}
    for key in ("visual", "textual"):
        values = splits["train"][key]
        shift[key] = 0.0 if scaling == "none" else float(values.mean())
        scale[key] = (float(values.std()) if scaling == "standardize" else 1.0) or 1.0  # one sample has no spread
    for name, split in splits.items():
        scaled = {key: ((split[key] - shift[key]) / scale[key]).astype(np.float32) for key in shift}
        splits[name] = {**split, **scaled}
    provenance = {
        "data": "synthetic",
        "source": "data.synthetic.two_modalities",
        "n": n,
        "data_seed": data_seed,
        "scaling": scaling,
        "shift": shift,
        "scale": scale,
        **dataclasses.asdict(distribution),
    }
    title = f"synthetic two-modality data (n = {n}, data seed {data_seed})"
    return Dataset("synthetic", title, splits["train"], splits["validation"], splits["test"], provenance)

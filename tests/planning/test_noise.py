"""What one new run would scatter by."""

import numpy as np

from scaling_cli.planning.noise import noise_of


def test_without_clusters_the_noise_is_the_residuals() -> None:
    residuals = np.array([0.3, -0.1, 0.2])

    assert noise_of(residuals, None, 10).tolist() == [-0.1, 0.2, 0.3]
    assert noise_of(residuals, ["a", "b", "c"], 10).tolist() == [-0.1, 0.2, 0.3]


def test_every_cluster_counts_as_much_as_another() -> None:
    quiet, loud = np.zeros(90), np.array([-1.0, 1.0] * 5)
    labels = ["quiet"] * 90 + ["loud"] * 10

    noise = noise_of(np.concatenate([quiet, loud]), labels, 1000)

    # one run in ten is loud, one cluster in two
    assert abs(np.mean(np.abs(noise) > 0.5) - 0.5) < 0.05
    assert abs(noise.mean()) < 1e-12


def test_many_residuals_are_thinned_and_keep_their_distribution() -> None:
    residuals = np.random.default_rng(0).standard_normal(5000)

    noise = noise_of(residuals, None, 100)

    assert noise.shape == (100,)
    np.testing.assert_allclose(
        np.quantile(noise, [0.1, 0.5, 0.9]), np.quantile(residuals, [0.1, 0.5, 0.9]), atol=0.05
    )

"""The learning rates of the paper's runs."""

import pytest

from rcjax.training.schedules import cosine_by_epoch

# Of the reference run behind tests/training/test_step.py: PyTorch's CosineAnnealingLR with
# T_max = 4 stepped once an epoch, from a base rate of 0.05.
PYTORCH = [0.05, 0.04267766952966369, 0.025, 0.0073223304703363135]


def test_equals_pytorch():
    rates = [cosine_by_epoch(0.05, epoch, 4) for epoch in range(4)]
    assert rates == pytest.approx(PYTORCH, rel=1e-12)


def test_falls_from_the_base_rate_to_nothing():
    rates = [cosine_by_epoch(0.1, epoch, 200) for epoch in range(201)]
    assert rates[0] == 0.1
    assert rates[100] == pytest.approx(0.05)
    assert rates[200] == pytest.approx(0, abs=1e-17)
    assert sorted(rates, reverse=True) == rates

"""The compiled adaptive count against the host's loop, and the kinds of scores it tells apart."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import scipy.special

from rcjax import count_regions, on_host
from rcjax.regions.adaptive import AdaptiveOptions, CompiledCounter, HostCounter, compiled
from rcjax.regions.classifier import Evaluator

pytestmark = pytest.mark.usefixtures("quick_compilation")

RANDOM = np.random.default_rng(0)
ENDS = RANDOM.normal(size=(60, 2, 6)).astype(np.float32)
WEIGHTS = tuple(
    (RANDOM.normal(size=shape) * np.sqrt(2 / shape[0])).astype(np.float32)
    for shape in ((6, 30), (30, 4))
)


def relu(x):
    return jnp.maximum(x @ WEIGHTS[0], 0) @ WEIGHTS[1]


def wavy(x):
    return jnp.sin(6 * x @ WEIGHTS[0]) @ WEIGHTS[1]


def saturated(x):
    return jax.nn.softmax(20 * relu(x))


def compiled_counter(function, **options):
    """What counts where the host's arrays are not the device's."""
    evaluator = Evaluator(function, ENDS.shape[2:], in_rounds=True)
    return CompiledCounter(
        evaluator, AdaptiveOptions(points=8_193, **options), automatic_batch=True
    )


@pytest.mark.parametrize(
    ("function", "locate"),
    [
        (relu, True),
        pytest.param(saturated, False, marks=pytest.mark.slow),
        pytest.param(wavy, False, marks=pytest.mark.slow),
    ],
)
def test_it_finds_what_the_loop_of_the_host_finds(function, locate):
    extent = (-0.5, 2.0)
    counter = compiled_counter(function, extent=extent, locate=locate)
    here = counter.count(ENDS).within(extent)
    there = count_regions(function, ENDS, method="adaptive", boundaries=locate, extent=extent)
    assert counter.kind == there.score_kind == "continuous"
    assert there.mean > 2
    np.testing.assert_array_equal(here.counts, there.counts)
    # Rounding may move a point by a step of the fine grid, which may ask for one point more.
    evaluations = counter.evaluator.evaluations
    assert abs(evaluations - there.evaluations) <= 0.002 * there.evaluations
    for one, other in zip(here.boundaries, there.boundaries, strict=True):
        np.testing.assert_allclose(one, other, atol=2e-4)
    for one, other in zip(here.labels, there.region_labels, strict=True):
        np.testing.assert_array_equal(one, other)


@pytest.mark.slow
def test_any_number_of_devices_finds_the_same(on_four_devices):
    program = """
        import jax, numpy as np
        from test_adaptive_compiled import ENDS, AdaptiveOptions, CompiledCounter, Evaluator, relu
        options = AdaptiveOptions(points=8_193)
        one, four = (
            CompiledCounter(
                Evaluator(relu, (6,), batch_size=100, devices=devices), options,
                automatic_batch=False,
            ).count(ENDS)
            for devices in (jax.local_devices()[:1], jax.local_devices())
        )
        assert len(jax.local_devices()) == 4
        np.testing.assert_array_equal(one.counts, four.counts)
        np.testing.assert_array_equal(one.evaluations, four.evaluations)
    """
    on_four_devices(program)


@pytest.mark.slow
def test_segments_that_need_more_room_are_counted_in_smaller_blocks(monkeypatch):
    expected = count_regions(wavy, ENDS, method="adaptive", safety=50.0)
    assert expected.evaluations > 100 * len(ENDS)
    monkeypatch.setattr(compiled, "LARGEST_POOL", 4 * 64)  # four scores, one segment
    crowded = compiled_counter(wavy, safety=50.0).count(ENDS)
    np.testing.assert_array_equal(crowded.counts, expected.counts)


def test_diverged_networks_are_refused():
    with pytest.raises(ValueError, match="NaN"):
        count_regions(lambda x: jnp.sqrt(relu(x)), ENDS, method="adaptive")


def plain(x):
    """The network `relu` without a compiler."""
    return np.maximum(x @ WEIGHTS[0], 0) @ WEIGHTS[1]


def quantised(bits):
    def scores(x):
        hidden = np.maximum(x @ WEIGHTS[0], 0)
        step = np.float32(8 / 2**bits)
        return np.round(hidden / step) * step @ WEIGHTS[1]

    return scores


IN_STEPS = {
    "4 bits": quantised(4),
    "8 bits": quantised(8),
    "far from zero": lambda x: plain(x) + np.float32(1e6),
    "half precision": lambda x: plain(x).astype(np.float16),
    "rounded inputs": lambda x: plain(np.round(x * 4) / 4),
    "one-hot": lambda x: np.eye(4, dtype=np.float32)[plain(x).argmax(axis=1)],
}
CONTINUOUS = {
    "relu": plain,
    "tanh": lambda x: np.tanh(x @ WEIGHTS[0]) @ WEIGHTS[1],
    "small": lambda x: 1e-6 * plain(x),
    "large": lambda x: 1e6 * plain(x),
    "saturated": lambda x: scipy.special.softmax(20 * plain(x), axis=1),
    "two classes, one score": lambda x: plain(x)[:, :2] * np.asarray([[0, 1]], np.float32),
    "one masked class": lambda x: np.where(np.arange(4) == 2, -np.inf, plain(x)),
    "one class alone": lambda x: 0 * plain(x) + np.arange(4, dtype=np.float32),
}


@pytest.mark.filterwarnings("ignore:predict computes in")
@pytest.mark.parametrize("name", IN_STEPS)
def test_scores_that_move_in_steps_are_noticed_and_start_finer(name):
    predict = on_host(IN_STEPS[name])
    with pytest.warns(UserWarning, match="the scores stay the same in stretches"):
        result = count_regions(predict, ENDS[:20], method="adaptive")
    assert result.score_kind == "steps"
    assert (result.counts >= count_regions(predict, ENDS[:20]).counts).all()


def one_hot(x):
    return jax.nn.one_hot(wavy(x).argmax(axis=1), 4)


def in_steps_far_away(x):
    return jnp.where(x[:, 5:] > 50, one_hot(x.at[:, 5].set(0)), relu(x))


FAR = ENDS.copy()
FAR[40:, :, 5] = 100
FAR[:5, 1] = FAR[:5, 0]  # single points say nothing of what other segments are like


@pytest.mark.filterwarnings("ignore:the scores stay the same")
def test_segments_whose_scores_stand_still_are_noticed_wherever_they_are():
    near = FAR.copy()
    near[:, :, 5] = 0
    expected = [
        count_regions(function, part, method="adaptive").counts
        for function, part in ((relu, FAR[:40]), (one_hot, near[40:]))
    ]
    host = HostCounter(
        Evaluator(in_steps_far_away, (6,), in_rounds=True), AdaptiveOptions(points=8_193)
    )
    check_far(host, np.concatenate(expected))


def check_far(counter, expected):
    """Counts, boundaries, labels and evaluations of `in_steps_far_away`."""
    found = counter.count(FAR)
    np.testing.assert_array_equal(found.counts, expected)
    assert counter.kind == "steps"
    assert [len(each) for each in found.boundaries] == (found.counts - 1).tolist()
    for each, labels in zip(found.boundaries, found.labels, strict=True):
        assert (np.diff(each) > 0).all()
        assert (np.diff(labels) != 0).all()
    assert (found.evaluations[5:40] < 200).all()
    assert (found.evaluations[40:] > 1_000).all()


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:the scores stay the same")
def test_the_compiled_program_notices_scores_that_stand_still():
    expected = count_regions(in_steps_far_away, FAR, method="adaptive")
    check_far(compiled_counter(in_steps_far_away), expected.counts)
    many = count_regions(
        lambda shift, x: in_steps_far_away(x) + shift[None], FAR, method="adaptive",
        parameters=np.zeros((2, 1), np.float32),
    )  # fmt: skip
    np.testing.assert_array_equal(many.counts, [expected.counts] * 2)
    assert many[0].score_kind == "steps"


def test_the_start_that_a_user_chose_stays():
    with pytest.warns(UserWarning, match="starts from 10 intervals"):
        result = count_regions(in_steps_far_away, FAR, method="adaptive", initial_intervals=10)
    assert result.score_kind == "steps"
    assert result.evaluations < 200 * len(FAR)


@pytest.mark.parametrize("name", CONTINUOUS)
def test_scores_that_move_with_the_point_are_not_taken_for_steps(name):
    assert (
        count_regions(on_host(CONTINUOUS[name]), ENDS[:20], method="adaptive").score_kind
        == "continuous"
    )


def test_labels_alone_start_finer_and_say_so():
    labels = lambda x: wavy(x).argmax(axis=1)  # noqa: E731
    with pytest.warns(UserWarning, match="labels alone"):
        result = count_regions(labels, ENDS, method="adaptive")
    assert result.score_kind == "labels"
    assert (result.counts == count_regions(wavy, ENDS, points=8193).counts).mean() > 0.98


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"safety": 0}, "safety must be a positive number"),
        ({"initial_intervals": 0}, "initial_intervals must be a positive integer"),
        ({"safety": 5, "method": "grid"}, "safety is for method='adaptive'"),
        ({"initial_intervals": 5, "method": "grid"}, "initial_intervals is for method='adaptive'"),
    ],
)
def test_bad_options(options, message):
    with pytest.raises(ValueError, match=message):
        count_regions(relu, ENDS, **{"method": "adaptive", **options})

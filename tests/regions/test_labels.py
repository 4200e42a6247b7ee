"""Labels of every kind are told apart, and missing ones are refused by name."""

import datetime
import decimal

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rcjax import count_regions, on_host
from rcjax.regions.classifier import LabelNumbering

pytestmark = pytest.mark.filterwarnings("ignore:predict returns labels alone")
SEGMENT = np.asarray([[[-1.0], [1.0]]], np.float32)
BIG = 10**30


def counted(low, high, dtype=None):
    """The regions of a segment whose halves have these two labels."""
    values = np.empty(2, dtype or object)
    values[:] = [low, high]
    return int(
        count_regions(on_host(lambda x: values[(x[:, 0] > 0).astype(int)]), SEGMENT).counts[0]
    )


@pytest.mark.parametrize(
    ("low", "high", "dtype"),
    [
        (7, 7 + 2**32, "int64"),
        (1, 1 + 2**40, "uint64"),
        (0, 2**31, "int64"),
        (-(2**31), 0, "int64"),
        (-(2**31), -(2**31) + 1, "int32"),
        (0, 2**63, "uint64"),
        (2.0**40, 2.0**41, "float64"),
        (0.0, np.inf, "float64"),
        (0, 1, "uint8"),
        (False, True, "bool"),
        (3, BIG, object),
        ("", "a", object),
        ("dog", "cat", "U3"),
        (b"dog", b"cat", "S3"),
        (1.0, 2, object),
        (True, False, object),
        (datetime.date(2026, 1, 1), datetime.date(2026, 1, 2), object),
        ("2026-01-01", "2026-01-02", "datetime64[D]"),
        (decimal.Decimal("0.1"), decimal.Decimal("0.2"), object),
        (("a", 1), ("a", 2), object),
        (np.longdouble(2) ** 70, 0, "longdouble"),
    ],
)
def test_two_labels_of_any_kind_are_two(low, high, dtype):
    assert counted(low, high, dtype) == 2
    assert counted(low, low, dtype) == counted(high, high, dtype) == 1


@pytest.mark.parametrize("dtype", [np.int8, np.uint8, np.int16, np.uint16, np.bool_, np.int32])
def test_labels_of_a_jax_function_keep_their_values(dtype):
    result = count_regions(
        lambda x: (x[:, 0] > 0).astype(dtype), SEGMENT, method="adaptive", boundaries=True
    )
    assert result.region_labels[0].tolist() == [0, 1]


@pytest.mark.parametrize("label", [2**31, 2**32 - 1])
def test_labels_beyond_int32_on_the_device_say_so(label):
    with pytest.raises(ValueError, match=r"labels beyond .* on_host"):
        count_regions(lambda x: jnp.where(x[:, 0] > 0, jnp.uint32(label), jnp.uint32(0)), SEGMENT)


@pytest.mark.parametrize("high", [2**32 + 7, -(2**31), 2**31])
def test_64_bit_labels_on_the_device_say_so(high):
    with jax.enable_x64(True), pytest.raises(ValueError, match=r"labels beyond .* on_host"):
        count_regions(lambda x: jnp.where(x[:, 0] > 0, jnp.int64(high), jnp.int64(7)), SEGMENT)


class NAType:
    """As pandas has it: comparisons are neither true nor false."""

    def __ne__(self, other):
        return self

    def __bool__(self):
        raise TypeError("boolean value of NA is ambiguous")


@pytest.mark.parametrize(
    ("missing", "dtype", "name"),
    [
        (None, object, "None"),
        (np.nan, object, "nan"),
        (float("nan"), object, "nan"),
        (np.nan, float, "NaN"),
        (np.datetime64("NaT", "D"), object, "NaT"),
        ("NaT", "datetime64[s]", "NaT"),
        (NAType(), object, "no label"),
    ],
)
@pytest.mark.parametrize("other", [0, "a"])
def test_missing_labels_are_refused_by_name(missing, dtype, name, other):
    if dtype is not object:
        other = missing
    values = np.empty(2, dtype)
    values[:] = [other, missing]
    with pytest.raises(ValueError, match=name):
        LabelNumbering().codes(values)


@settings(max_examples=60, deadline=None)
@given(st.lists(st.integers(-(2**70), 2**70) | st.integers(-3, 3), min_size=1, max_size=30))
def test_codes_are_equal_where_labels_are_and_only_there(labels):
    numbering = LabelNumbering()
    once, again = (numbering.codes(np.asarray(labels, object)) for _ in range(2))
    np.testing.assert_array_equal(once, again)
    for a, code_a in zip(labels, once, strict=True):
        assert (code_a == a) or numbering.names[int(code_a)] == a
        for b, code_b in zip(labels, once, strict=True):
            assert (a == b) == (code_a == code_b)


def test_names_get_the_codes_of_their_order_and_keep_them():
    first, second = LabelNumbering(), LabelNumbering()
    assert first.codes(np.asarray(["b", "a", "b"])).tolist() == [1, 0, 1]
    assert second.codes(np.asarray(["a", "b"])).tolist() == [0, 1]
    assert first.codes(np.asarray(["c", "a"])).tolist() == [2, 0]
    assert first.names == {0: "a", 1: "b", 2: "c"}


def test_kinds_that_change_are_refused():
    numbering = LabelNumbering()
    numbering.codes(np.asarray([1, 2]))
    with pytest.raises(ValueError, match="numbers in one batch and names in another"):
        numbering.codes(np.asarray(["1", "2"]))
    with pytest.raises(ValueError, match="several kinds"):
        LabelNumbering().codes(np.asarray([1, "a"], object))


def test_scores_in_one_batch_and_labels_in_another_are_refused():
    calls = []

    def changes(x):
        calls.append(1)
        return x if len(calls) < 2 else (x[:, 0] > 0).astype(int)

    two = np.asarray([[[-1.0, 0], [1, 0]]], np.float32)
    with pytest.raises(ValueError, match=r"scores \[n, 2\] in one batch and labels"):
        count_regions(on_host(changes), two)

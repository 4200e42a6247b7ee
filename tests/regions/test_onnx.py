"""Sessions of onnxruntime count as the same function in NumPy; files that do not fit are named."""

import jax
import numpy as np
import pytest

from rcjax import count_regions, on_host, slices
from rcjax.errors import UserError

onnx = pytest.importorskip("onnx")
onnxruntime = pytest.importorskip("onnxruntime")
pytestmark = pytest.mark.slow  # the libraries come with the extra test-models

IMAGES = np.random.default_rng(0).normal(size=(30, 1, 4, 4)).astype(np.float32)
SEGMENTS = slices.between_points(jax.random.key(0), IMAGES, count=8)
MEANS = """
    means = AveragePool <kernel_shape = [2, 2], strides = [2, 2]> (image)
    scores = Flatten (means)
"""


def session(inputs="float[n, 1, 4, 4] image", outputs="float[n, 4] scores", body=MEANS):
    text = f'<ir_version: 8, opset_import: ["": 17]> f ({inputs}) => ({outputs}) {{ {body} }}'
    model = onnx.parser.parse_model(text)
    return onnxruntime.InferenceSession(
        model.SerializeToString(), providers=["CPUExecutionProvider"]
    )


def quarters(x):
    return x.reshape(-1, 2, 2, 2, 2).mean((2, 4)).reshape(-1, 4)


@pytest.mark.parametrize("method", ["grid", "adaptive"])
@pytest.mark.parametrize("inputs", ["float[n, 1, 4, 4] image", "float[7, 1, 4, 4] image"])
def test_a_session_counts_as_the_function_that_it_holds(inputs, method):
    outputs = f"float[{inputs[6]}, 4] scores"
    result = count_regions(on_host(session(inputs, outputs)), SEGMENTS, method=method)
    expected = count_regions(on_host(quarters), SEGMENTS, method=method)
    np.testing.assert_array_equal(result.counts, expected.counts)


def test_double_precision_and_labels():
    body = "best = ArgMax <axis = 1, keepdims = 0> (image)"
    labelled = session("double[n, 6] image", "int64[n] best", body)
    points = np.random.default_rng(1).normal(size=(9, 6))
    segments = slices.between_points(jax.random.key(0), points, count=5)
    result = count_regions(on_host(labelled), segments)
    expected = count_regions(on_host(lambda x: x.argmax(1)), segments)
    np.testing.assert_array_equal(result.counts, expected.counts)


@pytest.mark.parametrize(
    ("made", "message"),
    [
        (
            {"inputs": "float[n, 3, 224, 224] image", "outputs": "float[n, m] scores"},
            r"takes \[n, 3, 224, 224\], got points \[n, 1, 4, 4\]; give the anchors the shape",
        ),
        (
            {
                "outputs": "float[n, 4] scores, float[n, 4] twice",
                "body": f"{MEANS} twice = Add (scores, scores)",
            },
            r"has 2 outputs \(scores, twice\); wrap a function",
        ),
        (
            {
                "inputs": "float[n, 1, 4, 4] image, float[n, 1, 2, 2] mask",
                "outputs": "float[n, 1, 2, 2] scores",
                "body": MEANS.replace("Flatten (means)", "Mul (means, mask)"),
            },
            r"has 2 inputs \(image, mask\)",
        ),
        (
            {
                "inputs": "int64[n, 12] ids",
                "outputs": "float[n, 12] scores",
                "body": "scores = Cast <to = 1> (ids)",
            },
            r"takes tensor\(int64\) \[n, 12\] as ids, where points are floating-point numbers",
        ),
    ],
)
def test_files_that_do_not_fit_are_refused_in_one_line(made, message):
    with pytest.raises(UserError, match=message) as error:
        count_regions(on_host(session(**made)), SEGMENTS)
    assert "\n" not in str(error.value)

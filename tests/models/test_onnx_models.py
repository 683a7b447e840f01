# SPDX-License-Identifier: Apache-2.0
"""Real ONNX models against ONNX Runtime: the same numbers for real data, at several sizes of one compiled module, with any number of threads,
for each level of the processor; and the answers that are known to be right. Memory is poisoned with NaN before each run."""
import gzip
import wave

import numpy as np
import onnx
import onnxruntime
import pytest
import tensorwright as tw
from PIL import Image

TOLERANCE = 1e-4  # of an output's largest magnitude


@pytest.fixture(autouse=True)
def poisoned(monkeypatch):
    monkeypatch.setenv("TENSORWRIGHT_POISON", "1")


def random(*shape):
    return np.random.default_rng(sum(shape)).standard_normal(shape).astype(np.float32)


def picture(path, width, height, mean, scale, order="RGB"):
    pixels = np.asarray(Image.open(path).convert("RGB").resize((width, height), Image.BILINEAR), np.float32)
    pixels = (pixels - np.float32(mean)) * np.float32(scale)
    return np.ascontiguousarray(pixels[:, :, :: -1 if order == "BGR" else 1].transpose(2, 0, 1)[None].astype(np.float32))


def sound(models, name):
    with wave.open(str(models / "data/audio" / name)) as file:
        return np.frombuffer(file.readframes(file.getnframes()), "<i2").astype(np.float32) / 32768


def mnist(models):
    with gzip.open(models / "data/mnist/t10k-00000-04999-images-idx3-ubyte.gz") as file:
        images = np.frombuffer(file.read(), np.uint8, offset=16).reshape(-1, 1, 1, 28, 28).astype(np.float32)
    with gzip.open(models / "data/mnist/t10k-00000-04999-labels-idx1-ubyte.gz") as file:
        return images, np.frombuffer(file.read(), np.uint8, offset=8)


def chunks(models, name):
    """Silero VAD's input: 512 samples, and the 64 before them."""
    samples = sound(models, name)
    samples = np.concatenate([np.zeros(64, np.float32), samples[: len(samples) // 512 * 512]])
    return [samples[None, at : at + 576] for at in range(0, len(samples) - 575, 512)]


def some_bytes(models, count):
    """Magika's input: 512 bytes from the head, the middle and the end of some files."""
    rows = []
    for path in sorted((models / "LICENSES").iterdir())[:count]:
        data = np.frombuffer(path.read_bytes(), np.uint8).astype(np.float32)
        middle = max(len(data) // 2 - 256, 0)
        rows.append([np.pad(part, (0, 512 - len(part)), constant_values=256) for part in (data[:512], data[middle : middle + 512], data[-512:])])
    return np.concatenate([np.concatenate(row)[None] for row in rows])


FACE = dict(mean=[123.675, 116.28, 103.53], scale=[1 / 58.395, 1 / 57.12, 1 / 57.375])

# For each model, inputs in its order; each set may have other sizes.
FEEDS = {
    "multi/dtln/model_1.onnx": lambda m: [[np.abs(random(1, 1, 257)), random(1, 2, 128, 2)]],
    "multi/dtln/model_2.onnx": lambda m: [[random(1, 1, 512), random(1, 2, 128, 2)]],
    "onnx/byte-bilstm/model.onnx": lambda m: [
        [np.frombuffer((m / "data/text/hacker_news_2000.txt").read_bytes()[: b * n], np.uint8).reshape(b, n)] for b, n in ((1, 7), (2, 58), (5, 33))
    ],
    "onnx/fastestdet/FastestDet.onnx": lambda m: [[picture(m / "onnx/fastestdet/3.jpg", 352, 352, 0, 1 / 255, "BGR")]],
    "onnx/magika-v1/model.onnx": lambda m: [[some_bytes(m, count)] for count in (1, 4, 7)],
    "onnx/mnist8/mnist.onnx": lambda m: [[image] for image in mnist(m)[0][:5]],
    "onnx/openseeface-landmarks/lm_model0_opt.onnx": lambda m: [
        [np.repeat(picture(m / "data/images/face.jpg", 224, 224, **FACE), count, 0)] for count in (1, 3)
    ],
    "onnx/ppocr-v4-rec/ch_PP-OCRv4_rec_infer.onnx": lambda m: [[random(b, 3, 48, width) * 0.5] for b, width in ((1, 320), (2, 96), (1, 205))],
    "onnx/silero-vad-micro-2021/model_micro.onnx": lambda m: [
        [sound(m, "jfk.wav")[: b * n].reshape(b, n)] for b, n in ((1, 4000), (2, 4000), (3, 8000), (1, 16000))
    ],
    "onnx/silero-vad-v6/silero_vad.onnx": lambda m: [
        [chunks(m, "jfk.wav")[20], random(2, 1, 128), np.array(16000)],
        [np.concatenate(chunks(m, "jfk.wav")[20:23]), random(2, 3, 128), np.array(16000)],
        [chunks(m, "jfk.wav")[30][:, :288], random(2, 1, 128), np.array(8000)],
    ],
    "onnx/silero-vad-v6/silero_vad_half.onnx": lambda m: [
        [np.concatenate(chunks(m, "jfk.wav")[20 : 20 + b]), random(2, b, 128)] for b in (1, 2)
    ],
    "onnx/small/lgbm_classifier_tensor/model.onnx": lambda m: [[np.abs(random(n, 13)) * 10] for n in (1, 17)],
    "onnx/small/qrelu_1/model.onnx": lambda m: [[random(n, 10)] for n in (1, 5)],
    "onnx/small/qsigmoid_1/model.onnx": lambda m: [[random(n, 10)] for n in (1, 5)],
    "onnx/small/xgboost_regressor_tree/model.onnx": lambda m: [[np.abs(random(n, 13)) * 10] for n in (1, 17)],
    "onnx/superres-espcn/pytorch_super_resolution.onnx": lambda m: [[random(n, 1, 224, 224)] for n in (1, 2)],
    "onnx/ultraface-rfb320/version-RFB-320.onnx": lambda m: [[picture(m / "data/images/grace_hopper.jpg", 320, 240, 127, 1 / 128)]],
}


def runtime(model):
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    return onnxruntime.InferenceSession(model, options)


def run(model, feed):
    return [tensor.numpy() for tensor in model.run(dict(zip([port.name for port in model.inputs], feed, strict=True))).values()]


def expect_close(found, expected):
    assert len(found) == len(expected)
    for a, b in zip(found, expected):
        assert a.shape == b.shape and a.dtype == b.dtype
        a, b = a.astype(np.float64), b.astype(np.float64)
        np.testing.assert_array_equal(np.isnan(a), np.isnan(b))
        if a.size:
            assert np.nanmax(np.abs(a - b)) <= TOLERANCE * max(np.nanmax(np.abs(b)), 1e-30)


@pytest.mark.parametrize("name", ["densenet121", "inception_v1", "resnet50", "shufflenet", "squeezenet", "FastestDet", "version-RFB-320"])
def test_the_arena_is_hardly_larger_than_what_lives_at_once(models, name):
    """What the plan wastes between values of different lives is at most a tenth."""
    path = next(path for path in sorted(models.rglob("*.onnx")) if path.stem in (name, f"light_{name}"))
    report = tw.compile(path).report
    assert 0 < report["live_bytes"] <= report["arena_bytes"] <= 1.1 * report["live_bytes"]


@pytest.mark.parametrize("name", FEEDS)
def test_one_module_agrees_with_onnx_runtime_at_all_sizes_and_with_all_threads(models, name):
    path = str(models / name)
    expected, one, two = runtime(path), tw.compile(path, threads=1), tw.compile(path, threads=2)
    names = [value.name for value in expected.get_inputs()]
    for feed in FEEDS[name](models):
        found = run(two, feed)
        expect_close(found, expected.run(None, dict(zip(names, feed, strict=True))))
        for a, b in zip(found, run(one, feed), strict=True):
            assert a.tobytes() == b.tobytes(), "one and two threads"


@pytest.mark.parametrize(
    "name, shape, results",
    [
        ("onnx/magika-v1/model.onnx", (0, 1536), [(0, 113)]),
        ("onnx/openseeface-landmarks/lm_model0_opt.onnx", (0, 3, 224, 224), [(0, 198, 28, 28)]),
        ("onnx/ppocr-v4-rec/ch_PP-OCRv4_rec_infer.onnx", (0, 3, 48, 64), [(0, 8, 6625)]),
        ("onnx/small/lgbm_classifier_tensor/model.onnx", (0, 13), [(0,), (0, 3)]),
        ("onnx/small/qrelu_1/model.onnx", (0, 10), [(0, 10)]),
        ("onnx/superres-espcn/pytorch_super_resolution.onnx", (0, 1, 224, 224), [(0, 1, 672, 672)]),
    ],
)
def test_an_empty_batch_gives_an_empty_result(models, name, shape, results):
    assert [found.shape for found in run(tw.compile(str(models / name), threads=2), [np.zeros(shape, np.float32)])] == results


def level_of_this_processor():
    try:
        flags = open("/proc/cpuinfo").read().split("flags", 1)[1].split("\n", 1)[0].split()
    except (OSError, IndexError):
        return 2
    return 4 if {"avx512f", "avx512bw", "avx512dq", "avx512vl"} <= set(flags) else 3 if {"avx2", "fma", "bmi2"} <= set(flags) else 2


@pytest.mark.parametrize("level", [2, 3, 4])
@pytest.mark.parametrize(
    "name",
    [
        "multi/dtln/model_1.onnx",
        "onnx/byte-bilstm/model.onnx",
        "onnx/fastestdet/FastestDet.onnx",
        "onnx/mnist8/mnist.onnx",
        "onnx/ppocr-v4-rec/ch_PP-OCRv4_rec_infer.onnx",
        "onnx/silero-vad-micro-2021/model_micro.onnx",
    ],
)
def test_every_level_of_the_processor_agrees(models, name, level):
    if level > level_of_this_processor():
        pytest.skip(f"this processor is below x86-64-v{level}")
    path = str(models / name)
    expected, model = runtime(path), tw.compile(path, target=f"x86-64-v{level}", threads=2)
    names = [value.name for value in expected.get_inputs()]
    for feed in FEEDS[name](models)[:2]:
        expect_close(run(model, feed), expected.run(None, dict(zip(names, feed, strict=True))))


LIGHT = ["bvlc_alexnet", "densenet121", "inception_v1", "inception_v2", "resnet50", "shufflenet", "squeezenet", "vgg19", "zfnet512"]


@pytest.mark.parametrize("name", LIGHT)
def test_networks_of_the_model_zoo_with_constant_weights(models, name):
    model = tw.compile(str(models / f"onnx/light/light_{name}.onnx"))
    size = 3 * 224 * 224
    found = run(model, [(np.arange(size) / size).astype(np.float32).reshape(1, 3, 224, 224)])
    with open(models / f"onnx/light/light_{name}_output_0.pb", "rb") as file:
        expect_close(found, [onnx.numpy_helper.to_array(onnx.TensorProto.FromString(file.read()))])


def with_random_weights(path):
    """The network with weights, and without the softmax at its end, which would hide differences."""
    model, rng = onnx.load(path), np.random.default_rng(0)
    shapes = {value.name: onnx.numpy_helper.to_array(value) for value in model.graph.initializer}
    variances = {node.input[4] for node in model.graph.node if node.op_type == "BatchNormalization"}
    nodes = []
    for node in model.graph.node:
        if node.op_type == "ConstantOfShape" and node.input[0] in shapes:
            shape = shapes[node.input[0]]
            weights = rng.standard_normal(shape) * np.sqrt(2 / max(np.prod(shape[1:]), 1)) if len(shape) > 1 else rng.uniform(-0.1, 0.1, shape)
            if node.output[0] in variances:
                weights = rng.uniform(0.5, 1.5, shape)
            model.graph.initializer.append(onnx.numpy_helper.from_array(weights.astype(np.float32), node.output[0]))
        elif node.op_type == "Softmax" and node.output[0] == model.graph.output[0].name:
            model.graph.output[0].name = node.input[0]
        else:
            nodes.append(node)
    del model.graph.node[:], model.graph.output[0].type.tensor_type.shape.dim[:]
    model.graph.output[0].type.tensor_type.ClearField("shape")
    model.graph.node.extend(nodes)
    return model.SerializeToString()


@pytest.mark.parametrize("name", ["densenet121", "inception_v1", "inception_v2", "resnet50", "shufflenet", "squeezenet"])
def test_networks_of_the_model_zoo_with_random_weights(models, name):
    model = with_random_weights(str(models / f"onnx/light/light_{name}.onnx"))
    expected, compiled = runtime(model), tw.compile(model, threads=2)
    x = random(1, 3, 224, 224)
    expect_close(run(compiled, [x]), expected.run(None, {expected.get_inputs()[0].name: x}))


# ---- answers that are known to be right


def test_mnist_knows_as_many_digits_as_in_onnx_runtime(models):
    images, labels = mnist(models)
    path = str(models / "onnx/mnist8/mnist.onnx")
    model, expected = tw.compile(path, threads=1), runtime(path)
    found = np.array([run(model, [image])[0].argmax() for image in images])
    assert (found == labels).sum() == 4915
    assert all(expected.run(None, {"Input3": image})[0].argmax() == digit for image, digit in zip(images, found))


def test_fastestdet_sees_a_person(models):
    output = run(tw.compile(str(models / "onnx/fastestdet/FastestDet.onnx")), FEEDS["onnx/fastestdet/FastestDet.onnx"](models)[0])[0][0]
    score = output[0] ** 0.6 * output[5:].max(0) ** 0.4
    best = np.unravel_index(score.argmax(), score.shape)
    assert output[5:, *best].argmax() == 0 and abs(score[best] - 0.90) < 0.01


@pytest.mark.parametrize("image, box", [("grace_hopper", (0.336, 0.202, 0.701, 0.556)), ("face", (0.255, 0.226, 0.434, 0.573))])
def test_ultraface_finds_the_face(models, image, box):
    model = tw.compile(str(models / "onnx/ultraface-rfb320/version-RFB-320.onnx"))
    scores, boxes = run(model, [picture(models / f"data/images/{image}.jpg", 320, 240, 127, 1 / 128)])
    best = scores[0, :, 1].argmax()
    assert scores[0, best, 1] > 0.999
    np.testing.assert_allclose(boxes[0, best], box, atol=2e-3)


def test_silero_vad_micro_tells_speech_from_noise(models):
    model = tw.compile(str(models / "onnx/silero-vad-micro-2021/model_micro.onnx"))
    samples = sound(models, "jfk.wav")
    for at, answer in ((0, (0.886, 0.114)), (4000, (0.046, 0.954))):
        np.testing.assert_allclose(run(model, [samples[None, at : at + 4000]])[0].ravel(), answer, atol=2e-3)


@pytest.mark.parametrize("name, high, share", [("silero_vad", 0.99996, 0.68), ("silero_vad_half", 0.9976, 0.62)])
def test_silero_vad_follows_speech(models, name, high, share):
    model = tw.compile(str(models / f"onnx/silero-vad-v6/{name}.onnx"), threads=1)

    def probabilities(file):
        state, out = np.zeros((2, 1, 128), np.float32), []
        for chunk in chunks(models, file):
            probability, state = run(model, [chunk, state, np.array(16000)][: len(model.inputs)])
            out.append(probability.item())
        return np.array(out)

    speech = probabilities("jfk.wav")
    assert abs(speech.max() - high) < 5e-4 and abs((speech > 0.5).mean() - share) < 0.01
    assert name != "silero_vad" or probabilities("silence_1000ms.wav").max() < 0.02


@pytest.mark.parametrize("name", ["byte-bilstm", "small/lgbm_classifier_tensor", "small/qrelu_1", "small/qsigmoid_1", "small/xgboost_regressor_tree"])
def test_models_with_stored_answers(models, name):
    with np.load(models / f"onnx/{name}/io.npz") as file:
        stored = {key: file[key] for key in file}
    found = run(tw.compile(str(models / f"onnx/{name}/model.onnx")), [stored.pop("input")])[-1]
    expect_close([found.reshape(next(iter(stored.values())).shape)], list(stored.values()))

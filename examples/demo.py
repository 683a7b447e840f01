# SPDX-License-Identifier: Apache-2.0
"""Finds the objects in a photo with a trained detector (FastestDet), compiled here and now.

    ./dev demo            or    python examples/demo.py [--output annotated.png] [--threads N]

Prints what was found, the slowest kernels beside their predicted times, and the latency beside ONNX Runtime's if it is installed.
"""
from __future__ import annotations

import argparse
import pathlib
import statistics
import time

import numpy as np
from PIL import Image, ImageDraw

import tensorwright as tw

DATA = pathlib.Path(__file__).parent / "data"
SIZE = 352


def read_photo(path: pathlib.Path) -> tuple[Image.Image, np.ndarray]:
    """The photo, and what the detector takes: float32 [1, 3, 352, 352], blue first, 0 to 1."""
    photo = Image.open(path).convert("RGB")
    pixels = np.asarray(photo.resize((SIZE, SIZE), Image.Resampling.BILINEAR), np.float32)[:, :, ::-1] / 255
    return photo, np.ascontiguousarray(pixels.transpose(2, 0, 1)[None])


def decode(output: np.ndarray, threshold: float = 0.65) -> list[tuple[float, int, tuple[float, float, float, float]]]:
    """Score, class and box (left, top, right, bottom, each 0 to 1) of each cell of [1, 85, rows, columns] above the threshold.

    A cell holds objectness, box and class scores; score = objectness^0.6 * class^0.4 (FastestDet's own rule).
    """
    cells = output[0]
    rows, columns = cells.shape[1:]
    classes = cells[5:].argmax(0)
    scores = cells[0] ** 0.6 * cells[5:].max(0) ** 0.4
    found = []
    for y, x in zip(*np.nonzero(scores > threshold)):
        dx, dy, width, height = cells[1:5, y, x]
        centre_x, centre_y = (x + np.tanh(dx)) / columns, (y + np.tanh(dy)) / rows
        width, height = (1 / (1 + np.exp(-v)) for v in (width, height))
        box = (centre_x - width / 2, centre_y - height / 2, centre_x + width / 2, centre_y + height / 2)
        found.append((float(scores[y, x]), int(classes[y, x]), box))
    return suppress(found)


def overlap(a: tuple, b: tuple) -> float:
    """Intersection over union of two boxes."""
    width = max(0.0, min(a[2], b[2]) - max(a[0], b[0]))
    height = max(0.0, min(a[3], b[3]) - max(a[1], b[1]))
    both = width * height
    area = lambda box: (box[2] - box[0]) * (box[3] - box[1])
    return both / (area(a) + area(b) - both) if both else 0.0


def suppress(found: list, limit: float = 0.45) -> list:
    """Non-maximum suppression: of boxes of one class that overlap, the best."""
    kept: list = []
    for candidate in sorted(found, reverse=True):
        if all(candidate[1] != other[1] or overlap(candidate[2], other[2]) < limit for other in kept):
            kept.append(candidate)
    return kept


def draw(photo: Image.Image, found: list, names: list[str]) -> Image.Image:
    picture = photo.copy()
    pen = ImageDraw.Draw(picture)
    for score, kind, box in found:
        corners = [side * (photo.width if i % 2 == 0 else photo.height) for i, side in enumerate(box)]
        pen.rectangle(corners, outline="red", width=3)
        label = f"{names[kind]} {score:.2f}"
        pen.rectangle(pen.textbbox((corners[0] + 3, corners[1] + 3), label), fill="red")
        pen.text((corners[0] + 3, corners[1] + 3), label, fill="white")
    return picture


def median_seconds(run, rounds: int = 40) -> float:
    times = []
    for _ in range(rounds):
        start = time.perf_counter()
        run()
        times.append(time.perf_counter() - start)
    return statistics.median(times)


def compare_latency(model, x: np.ndarray, expected: np.ndarray, threads: int) -> None:
    try:
        import onnxruntime
    except ImportError:
        print(f"latency: {1e3 * median_seconds(lambda: model(x)):.2f} ms (ONNX Runtime is not installed, so there is nothing to compare with)")
        return
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    session = onnxruntime.InferenceSession(str(DATA / "FastestDet.onnx"), options, providers=["CPUExecutionProvider"])
    name = session.get_inputs()[0].name
    theirs = session.run(None, {name: x})[0]
    error = float(np.abs(theirs - expected).max() / np.abs(theirs).max())
    mine, other = [], []
    for _ in range(5):  # in turn, so that the machine's drift hits both alike
        mine.append(median_seconds(lambda: model(x), 20))
        other.append(median_seconds(lambda: session.run(None, {name: x}), 20))
    ratio = statistics.median(a / b for a, b in zip(mine, other))
    print(f"latency: {1e3 * statistics.median(mine):.2f} ms, ONNX Runtime {1e3 * statistics.median(other):.2f} ms, "
          f"ratio {ratio:.2f}, results agree to {error:.1e}")


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("--output", default="annotated.png")
    arguments.add_argument("--threads", type=int, default=2)
    arguments = arguments.parse_args()
    names = (DATA / "coco.names").read_text().split("\n")
    photo, x = read_photo(DATA / "street.jpg")
    start = time.perf_counter()
    model = tw.compile(DATA / "FastestDet.onnx", threads=arguments.threads)
    print(f"compiled FastestDet in {time.perf_counter() - start:.2f} s")
    output = np.array(model(x).numpy())
    found = decode(output)
    for score, kind, box in found:
        print(f"  {names[kind]:12s} {score:.2f}  at ({', '.join(f'{side:.2f}' for side in box)})")
    draw(photo, found, names).save(arguments.output)
    print(f"wrote {arguments.output}")
    profile = model.profile([x])
    print(f"{'kernel (slowest first)':60s} {'ms':>8s} {'predicted for 1 thread':>22s} {'GFLOP/s':>8s}")
    for launch in sorted(profile.launches, key=lambda l: -l.seconds)[:12]:
        predicted = f"{1e3 * launch.predicted_seconds:22.3f}" if launch.predicted_seconds else f"{'-':>22s}"
        print(f"{launch.origin[:60]:60s} {1e3 * launch.seconds:8.3f} {predicted} {launch.gflops:8.1f}")
    compare_latency(model, x, output, arguments.threads)


if __name__ == "__main__":
    main()

# SPDX-License-Identifier: Apache-2.0
"""A module file without the compiler: tests/runtime/fake_module.c, compiled, with the trailer that the loader wants."""
import os
import shutil
import struct
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
os.environ.setdefault("TENSORWRIGHT_VERIFY", "1")  # every compilation of the tests checks the module after each pass
os.environ.setdefault("TENSORWRIGHT_CALIBRATION", "off")  # what was measured on this machine is no part of a test
MASK = (1 << 64) - 1


def rotate(value, count):
    return (value << count | value >> (64 - count)) & MASK


def checksum(data):
    """runtime/checksum.h once more, plainly: two programs that agree are a test of the format."""
    a, b = 0x9E6C63D0876A9A35, 0xD1B54A32D192ED03

    def avalanche(value):
        value = (value ^ value >> 32) * a & MASK
        value = (value ^ value >> 29) * b & MASK
        return value ^ value >> 32

    lanes = [0x243F6A8885A308D3, 0x13198A2E03707344, 0xA4093822299F31D0, 0x082EFA98EC4E6C89]
    padded = data + bytes(-len(data) % 32)
    for index, (word,) in enumerate(struct.iter_unpack("<Q", padded)):
        lanes[index % 4] = rotate(lanes[index % 4] ^ word * b & MASK, 29) * a & MASK
    result = len(data) * b & MASK
    for lane in lanes:
        result = (rotate(result ^ avalanche(lane), 27) * a + b) & MASK
    return avalanche(result)


def seal(library, features=""):
    """The library's bytes as a module file."""
    body = library + features.encode()
    return body + struct.pack("<IIQQI20s8s", 3, 0, len(library), checksum(body), len(features), b"x86_64", b"TWMODULE")


def models_folder():
    """The folder of real models: TENSORWRIGHT_MODELS, or the nearest shared/models above the project; None if there is none."""
    if chosen := os.environ.get("TENSORWRIGHT_MODELS"):
        return Path(chosen)
    return next((folder / "shared/models" for folder in ROOT.parents if (folder / "shared/models").is_dir()), None)


@pytest.fixture(scope="session")
def models():
    folder = models_folder()
    if folder is None:
        pytest.skip("no folder of real models: set TENSORWRIGHT_MODELS")
    return folder


@pytest.fixture(scope="session")
def fake_module(tmp_path_factory):
    """y = 2 x + 1 for x of shape (n, 3), 1 <= n <= 64, and the sum of y."""
    compiler = shutil.which("cc") or shutil.which("gcc") or shutil.which("clang")
    if compiler is None:
        pytest.skip("no C compiler")
    folder = tmp_path_factory.mktemp("modules")
    library = folder / "library.so"
    subprocess.run([compiler, "-shared", "-fPIC", "-O2", "-I", ROOT / "abi", ROOT / "tests/runtime/fake_module.c", "-o", library], check=True)
    path = folder / "fake.so"
    path.write_bytes(seal(library.read_bytes()))
    return path

# SPDX-License-Identifier: Apache-2.0
"""Compiled models in Python: loading, calling, tensors without copies, threads, profiles, errors."""
import array
import gc
import pickle
import subprocess
import sys
import threading

import numpy as np
import pytest

import tensorwright as tw


@pytest.fixture
def model(fake_module):
    return tw.load(fake_module, threads=2)


def test_a_call_gives_the_outputs_in_order(model):
    x = np.arange(12, dtype=np.float32).reshape(4, 3)
    y, total = model(x)
    np.testing.assert_array_equal(y.numpy(), 2 * x + 1)
    assert total.item() == (2 * x + 1).sum()


def test_run_takes_and_gives_names_in_the_models_order(model):
    outputs = model.run({"x": np.ones((1, 3), np.float32)})
    assert list(outputs) == ["y", "total"]
    assert outputs["y"].tolist() == [[3, 3, 3]]


def test_a_model_describes_itself(model):
    assert [(port.name, port.dtype, port.shape) for port in model.inputs] == [("x", "f32", ("n", 3))]
    assert [(port.name, port.shape) for port in model.outputs] == [("y", ("n", 3)), ("total", ())]
    assert model.symbols == (tw.Symbol("n", 1, 64, 1),)
    assert repr(model) == "<tensorwright.Model fake(x: Tensor[(n, 3), f32]) -> (y: Tensor[(n, 3), f32], total: Tensor[(), f32]), target x86-64>"
    assert 1 <= model.threads <= 2
    assert model.report is None


def test_numbers_and_lists_become_the_declared_type(model):
    assert model([[1, 2, 3]])[0].tolist() == [[3, 5, 7]]
    with pytest.raises(tw.UserError, match="input 'x': expected numbers for x: Tensor"):
        model([["one", 2, 3]])


@pytest.mark.parametrize("make", [
    lambda x: x[:, ::-1],                                             # strides that go back
    lambda x: np.asfortranarray(x),
    lambda x: np.frombuffer(b"\0" + x.tobytes(), np.uint8)[1:].view(np.float32).reshape(x.shape),  # not aligned
    lambda x: np.rec.fromarrays([np.zeros(x.shape, np.int8), x], names="a,b").b,                    # strides of 5 bytes
    lambda x: np.broadcast_to(x[:1], x.shape),
    lambda x: memoryview(x),
])
def test_any_layout_of_memory_is_read_right(model, make):
    x = make(np.arange(6, dtype=np.float32).reshape(2, 3))
    np.testing.assert_array_equal(model(x)[0].numpy(), 2 * np.asarray(x) + 1)


def test_read_only_arrays_are_inputs_too(model):
    x = np.zeros((1, 3), np.float32)
    x.flags.writeable = False
    assert model(x)[0].tolist() == [[1, 1, 1]]


class OnlyDLPack:
    """What PyTorch and others look like: no buffer, a __dlpack__ with or without versions."""

    def __init__(self, value, versioned):
        self.value, self.versioned = value, versioned

    def __dlpack__(self, **options):
        if not self.versioned and options:
            raise TypeError("unexpected keyword")
        return self.value.__dlpack__(**options)

    def __dlpack_device__(self):
        return self.value.__dlpack_device__()


@pytest.mark.parametrize("versioned", [False, True])
def test_dlpack_inputs(model, versioned):
    x = np.arange(6, dtype=np.float32).reshape(2, 3)
    for value in (x, model(x)[0]):
        y = model(OnlyDLPack(value, versioned))[0]
        np.testing.assert_array_equal(y.numpy(), 2 * np.asarray(value) + 1)


def test_an_output_is_an_input_without_help(model):
    y = model(model(np.zeros((1, 3), np.float32))[0])[0]
    assert y.tolist() == [[3, 3, 3]]


def test_outputs_share_their_memory_and_keep_it_alive(model):
    y = model(np.zeros((2, 3), np.float32))[0]
    views = [y.numpy(), np.asarray(memoryview(y)), np.from_dlpack(y), np.asarray(y)]
    views[0][0, 0] = 7
    del y
    gc.collect()
    assert all(view[0, 0] == 7 for view in views)


def test_a_later_run_leaves_earlier_outputs_alone(model):
    first, first_total = model(np.zeros((2, 3), np.float32))
    model(np.ones((2, 3), np.float32))
    assert first.numpy().max() == 1 and first_total.item() == 6


def test_array_and_dlpack_copy_when_asked(model):
    y = model(np.zeros((1, 3), np.float32))[0]
    copies = [np.array(y), np.from_dlpack(y, copy=True), np.asarray(y, dtype=np.float64)]
    y.numpy()[:] = 9
    assert all(copy.max() == 1 for copy in copies)
    assert copies[2].dtype == np.float64


def test_dlpack_says_what_it_cannot_do(model):
    y = model(np.zeros((1, 3), np.float32))[0]
    assert y.__dlpack_device__() == (1, 0)
    with pytest.raises(BufferError, match="not copied to other devices"):
        y.__dlpack__(dl_device=(2, 0))
    with pytest.raises(BufferError, match="no stream"):
        y.__dlpack__(stream=1)


def test_unused_capsules_free_their_memory(model):
    y = model(np.zeros((1, 3), np.float32))[0]
    for _ in range(1000):
        y.__dlpack__(max_version=(1, 0))
        y.__dlpack__()


def test_a_tensor_tells_about_itself(model):
    y, total = model(np.zeros((2, 3), np.float32))
    assert (y.shape, y.dtype, y.ndim, y.size, y.nbytes, len(y)) == ((2, 3), "f32", 2, 6, 24, 2)
    assert repr(y) == "tensorwright.Tensor(shape=(2, 3), dtype=f32)"
    with pytest.raises(TypeError, match="rank 0 has no length"):
        len(total)


@pytest.mark.parametrize("value, message", [
    (np.zeros((1, 4), np.float32), "input 'x'.*expected.*f32.*found"),
    (np.zeros((1, 3), np.float64), "input 'x'.*f64"),
    (np.zeros((65, 3), np.float32), "n"),
    (np.zeros((1, 3), ">f4"), "input 'x': expected numbers in this machine's byte order, found elements of the format '>f'"),
    (np.zeros((1, 3), "c16"), "found elements of the format 'Zd'"),
    (array.array("w", "a") if sys.version_info >= (3, 13) else array.array("u", "a"), "expected numbers"),
    ("text", "expected an array .* found an object of type str"),
    (None, "found an object of type NoneType"),
])
def test_wrong_inputs_are_named(model, value, message):
    with pytest.raises(tw.UserError, match=message):
        model(value)


def test_wrong_counts_and_names_are_listed(model):
    with pytest.raises(tw.UserError, match="expected 1 inputs, found 2"):
        model(1, 2)
    with pytest.raises(tw.UserError, match="expected the inputs 'x'; missing 'x'; unknown 'y'"):
        model.run({"y": 1})


def test_a_failing_dlpack_is_reported_as_the_inputs(model):
    class Broken:
        def __dlpack__(self, **_):
            raise BufferError("requires grad")

    class Liar:
        def __dlpack__(self, **_):
            return 3

    with pytest.raises(tw.UserError, match="input 'x': its __dlpack__ failed: .*requires grad"):
        model(Broken())
    with pytest.raises(tw.UserError, match="gave no DLPack capsule"):
        model(Liar())


def test_errors_are_of_the_kinds_that_python_knows(tmp_path):
    with pytest.raises(ValueError) as caught:
        tw.load(tmp_path / "absent.so")
    assert isinstance(caught.value, tw.UserError) and "absent.so" in caught.value.message
    with pytest.raises(tw.UserError, match="threads to be 0"):
        tw.load("x.so", threads=-1)
    again = pickle.loads(pickle.dumps(tw.UnsupportedError("no", ["node 'a'"], "use b")))
    assert (str(again), again.places, again.hint) == ("no\n  at node 'a'\n  hint: use b", ("node 'a'",), "use b")
    assert isinstance(again, NotImplementedError)


def test_a_damaged_file_is_refused(tmp_path, fake_module):
    damaged = bytearray(fake_module.read_bytes())
    damaged[len(damaged) // 2] ^= 1
    path = tmp_path / "damaged.so"
    path.write_bytes(damaged)
    with pytest.raises(tw.Error, match="checksum"):
        tw.load(path)


def test_many_threads_may_call_one_model(model):
    failures = []

    def work(seed):
        x = np.random.default_rng(seed).integers(0, 99, (1 + seed % 60, 3)).astype(np.float32)
        for _ in range(200):
            y, total = model(x)
            if not (y.numpy() == 2 * x + 1).all() or total.item() != (2 * x + 1).sum():
                failures.append(seed)

    threads = [threading.Thread(target=work, args=(seed,)) for seed in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failures


def test_a_profile_has_one_row_for_each_launch(model):
    profile = model.profile({"x": np.zeros((8, 3), np.float32)}, runs=3)
    assert [(launch.kernel, launch.origin) for launch in profile.launches] == [("scale_and_sum", "mul1+add1+sum1")]
    assert profile.launches[0].seconds >= 0 and profile.runs == 3
    assert profile.launches[0].shape == "8x3 -> 8x3" and profile.launches[0].flops == 72
    assert "mul1+add1+sum1" in str(profile)
    with pytest.raises(tw.UserError, match="at least 1 run"):
        model.profile([1], runs=0)


def test_a_loaded_model_is_not_exported_again(model):
    with pytest.raises(tw.UserError, match="loaded from a file"):
        model.export("again.so")


def test_loading_needs_no_compiler(fake_module):
    """tw.load in a new process imports the runtime's extension and not the compiler's."""
    program = f"import sys, tensorwright as tw; tw.load({str(fake_module)!r}); sys.exit('tensorwright._core' in sys.modules)"
    subprocess.run([sys.executable, "-c", program], check=True)


def test_devices_are_known_by_name():
    assert tw.devices()["cpu"] == 1 and list(tw.devices()) == sorted(tw.devices())

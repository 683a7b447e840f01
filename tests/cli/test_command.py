# SPDX-License-Identifier: Apache-2.0
"""The command: what it prints, how it fails, its exit codes (0 ok, 1 mistake, 2 unsupported, 3 bug, 4 differs), its JSON."""
import json
import os
import shutil
import subprocess
import sys
import xml.etree.ElementTree
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import helper

import tensorwright

ROOT = Path(__file__).parents[2]
COMMAND = os.environ.get("TENSORWRIGHT_COMMAND") or shutil.which("tensorwright") or str(ROOT / "build/tensorwright")
COMMANDS = ["bench", "compare", "compile", "doctor", "explain", "info", "profile", "run"]


def call(*arguments, code=0, **options):
    result = subprocess.run([COMMAND, *map(str, arguments)], capture_output=True, text=True, timeout=300, **options)
    assert result.returncode == code, result.stdout + result.stderr
    return result


def call_json(*arguments, code=0, **options):
    """The one object on standard output; its envelope is checked here for every call."""
    output = json.loads(call(*arguments, "--json", code=code, **options).stdout)
    assert list(output) == ["tensorwright", "command", "ok", "result" if output["ok"] else "error"]
    assert output["tensorwright"] == tensorwright.__version__ and output["command"] == arguments[0]
    assert output["ok"] == (code in (0, 2, 4) and "result" in output)
    if not output["ok"]:
        assert list(output["error"]) == ["kind", "message", "places", "hint"]
    return output["result" if output["ok"] else "error"]


@pytest.fixture(scope="session")
def model(tmp_path_factory):
    """y = relu(x @ w + b), x of shape (n, 4)."""
    random = np.random.default_rng(0)
    weights = [onnx.numpy_helper.from_array(random.standard_normal(shape).astype(np.float32), name) for name, shape in (("w", (4, 8)), ("b", (8,)))]
    nodes = [helper.make_node("MatMul", ["x", "w"], ["a"], "product"), helper.make_node("Add", ["a", "b"], ["c"], "bias"),
             helper.make_node("Relu", ["c"], ["y"], "activation")]
    value = lambda name, shape: helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, shape)
    graph = helper.make_graph(nodes, "small", [value("x", ["n", 4])], [value("y", ["n", 8])], weights)
    path = tmp_path_factory.mktemp("model") / "small.onnx"
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_operatorsetid("", 17)], ir_version=8), path)
    return path


# ---- without a model


def test_help_names_every_command():
    text = call("--help").stdout
    assert all(command in text for command in COMMANDS)
    assert call("--version").stdout == f"tensorwright {tensorwright.__version__}\n"
    for command in COMMANDS:
        assert "--json" in call(command, "--help").stdout


@pytest.mark.parametrize("arguments, message", [
    ([], "subcommand"),
    (["nope"], "tensorwright: there is no command 'nope'; there is bench, compare"),
    (["compil"], "did you mean 'compile'"),
    (["run"], "model is required"),
    (["run", "x.onnx", "--nope"], "--nope"),
    (["run", "x.onnx", "--threads", "-1"], "--threads: expected a number from 0 to 65536, found '-1'"),
    (["bench", "x.onnx", "--runs", "0"], "--runs: expected a number from 1 to 1000000, found '0'"),
    (["compare", "x.onnx", "--against", "magic"], "--against: expected reference or float64 or onnxruntime, found 'magic'"),
])
def test_wrong_arguments_are_the_users_mistake(arguments, message):
    import re

    result = call(*arguments, code=1)
    assert re.search(message, result.stderr) and "  hint: " in result.stderr and result.stdout == ""


def test_wrong_arguments_are_reported_as_json_too():
    error = json.loads(call("run", "--json", code=1).stdout)["error"]
    assert error["kind"] == "user" and "required" in error["message"]


def test_doctor_needs_nothing():
    assert "processor" in call("doctor").stdout
    result = call_json("doctor")
    assert result["devices"]["cpu"] == 1
    assert result["cores"] >= 1 and result["runtime_version"] and isinstance(result["problems"], list)


def test_doctor_says_what_is_missing(tmp_path):
    (tmp_path / "file").write_text("")
    environment = os.environ | {"TENSORWRIGHT_CACHE": str(tmp_path / "file/below"), "PATH": str(tmp_path), "TENSORWRIGHT_PYTHON": ""}
    problems = " ".join(call_json("doctor", env=environment)["problems"])
    assert "cache folder" in problems and "no python3 was found" in problems


# ---- what was measured of this machine


@pytest.fixture(scope="session")
def calibration(tmp_path_factory):
    """A calibration of this machine; the environment that names it, and what the command said."""
    path = tmp_path_factory.mktemp("calibration") / "below" / "calibration.txt"
    environment = os.environ | {"TENSORWRIGHT_CALIBRATION": str(path)}
    return path, environment, call_json("doctor", "--calibrate", env=environment)


def test_doctor_calibrates(calibration):
    # What was measured is written, shown, read again by the next call, and plausible: wider vectors and nearer memory are not slower.
    path, environment, result = calibration
    assert path.read_text().startswith("tensorwright calibration 1\ngigahertz ")
    assert result["calibration_file"] == str(path) and result["problems"] == []
    figures = call_json("doctor", env=environment)["calibration"]
    assert figures == result["calibration"]
    assert 0.3 < figures["gigahertz"] < 10 and figures["l1_gigabytes"] > figures["read_gigabytes"]["one_core"] / 2 > 0
    assert set(figures["peak_gflops_by_vector_bytes"]) <= {"16", "32", "64"} and figures["barrier_ns"] > 0
    assert f"calibration   {path}" in call("doctor", env=environment).stdout


def test_a_calibration_may_be_deleted_or_damaged(calibration, model, tmp_path):
    # Without the file everything is as before; a damaged one is named and ignored, by the compiler too.
    path, environment, _ = calibration
    assert call_json("doctor")["calibration"] is None and "calibration   off" in call("doctor").stdout
    damaged = tmp_path / "damaged.txt"
    environment = environment | {"TENSORWRIGHT_CALIBRATION": str(damaged)}
    assert "calibration   none; `tensorwright doctor --calibrate`" in call("doctor", env=environment).stdout
    damaged.write_text(path.read_text().replace("gigahertz", "gigahurts"))
    result = call_json("doctor", env=environment)
    assert result["calibration"] is None and f"the calibration {damaged} is ignored: it has no line 'gigahertz'" in result["problems"][0]
    assert "is ignored" in call("explain", model, env=environment).stdout
    assert call_json("profile", model, "--runs", 2, "--seconds", 0, env=environment)["roof"]["calibrated"] is False


def test_no_place_for_a_calibration_is_said():
    assert "no place for a calibration" in call("doctor", "--calibrate", code=1).stderr  # TENSORWRIGHT_CALIBRATION is off in tests


def test_profile_stands_beside_the_calibrated_roof(calibration, model):
    # The roof of a profile is the calibrated memory, and what the core multiplies and adds between the runs, with the vectors that its code has.
    _, environment, result = calibration
    roof = call_json("profile", model, "--threads", 1, "--runs", 2, "--seconds", 0, "--target", "x86-64-v2", env=environment)["roof"]
    assert roof["calibrated"] and roof["gflops_per_second"] > 0
    assert roof["memory_gigabytes_per_second"] == pytest.approx(result["calibration"]["read_gigabytes"]["one_core"], rel=1e-3)


# ---- exported modules: the runtime alone


def test_run_of_an_exported_module(fake_module, tmp_path):
    np.save(tmp_path / "x.npy", np.asfortranarray(np.arange(6, dtype=np.float32).reshape(2, 3)))
    result = call_json("run", fake_module, "--input", f"x={tmp_path}/x.npy", "--output", tmp_path / "out")
    assert [(output["name"], output["dtype"], output["shape"]) for output in result["outputs"]] == [("y", "f32", [2, 3]), ("total", "f32", [])]
    np.testing.assert_array_equal(np.load(tmp_path / "out/y.npy"), 2 * np.arange(6).reshape(2, 3) + 1)
    assert np.load(tmp_path / "out/total.npy") == 36


def test_inputs_and_outputs_in_archives(fake_module, tmp_path):
    np.savez_compressed(tmp_path / "in.npz", x=np.ones((1, 3), np.float32))
    call("run", fake_module, "--input", tmp_path / "in.npz", "--output", tmp_path / "out.npz")
    with np.load(tmp_path / "out.npz") as outputs:
        assert outputs.files == ["y", "total"] and outputs["total"] == 9


def test_inputs_that_are_made_up_are_the_same_each_time(fake_module):
    first, second = (call_json("run", fake_module, "--dim", "n=5") for _ in range(2))
    assert first == second and first["outputs"][0]["shape"] == [5, 3]
    assert call_json("run", fake_module, "--dim", "n=5", "--seed", 1) != first


@pytest.mark.parametrize("inputs, message", [
    (["y={x}"], "expected one of the inputs x, found 'y'"),
    (["x={x}", "x={x}"], "'x' is given twice"),
    (["x={folder}/absent.npy"], "absent.npy: No such file"),
    (["x={wide}"], "input 'x'.*f64"),
    (["x={text}"], "expected an npy file"),
    (["{text}.npz"], "cannot read"),
])
def test_wrong_inputs_are_named(fake_module, tmp_path, inputs, message):
    import re

    names = {"folder": tmp_path, "x": tmp_path / "x.npy", "wide": tmp_path / "wide.npy", "text": tmp_path / "text"}
    np.save(names["x"], np.ones((1, 3), np.float32))
    np.save(names["wide"], np.ones((1, 3)))
    names["text"].write_text("no array")
    result = call("run", fake_module, *(word for text in inputs for word in ("--input", text.format(**names))), code=1)
    assert re.search(message, result.stderr), result.stderr


@pytest.mark.parametrize("text", ["n", "n=", "=3", "n=-1", "n=two"])
def test_wrong_sizes_are_named(fake_module, text):
    assert "--dim: expected NAME=SIZE" in call("run", fake_module, "--dim", text, code=1).stderr


def test_unknown_dimensions_are_named(fake_module):
    assert "expected one of the symbolic dimensions n, found 'm'" in call("run", fake_module, "--dim", "m=1", code=1).stderr


def test_one_npy_file_holds_one_output(fake_module, tmp_path):
    assert "the model has 2 outputs" in call("run", fake_module, "--output", tmp_path / "y.npy", code=1).stderr
    assert not list(tmp_path.iterdir())


def test_bench_and_profile_of_an_exported_module(fake_module, tmp_path):
    result = call_json("bench", fake_module, "--runs", 5, "--seconds", 0, "--warm-up", 1)
    assert result["runs"] == 5 and 0 < result["p10_seconds"] <= result["median_seconds"] <= result["p90_seconds"]
    result = call_json("profile", fake_module, "--runs", 3, "--seconds", 0, "--html", tmp_path / "report.html", "--svg", tmp_path / "chart.svg")
    [launch] = result["launches"]
    assert launch["origin"] == "mul1+add1+sum1" and launch["shape"] == "1x3 -> 1x3" and launch["flops"] == 9
    [launch] = call_json("profile", fake_module, "--dim", "n=8", "--runs", 1, "--seconds", 0)["launches"]
    assert launch["shape"] == "8x3 -> 8x3" and launch["flops"] == 72
    assert "<svg" in (tmp_path / "report.html").read_text()
    assert len(xml.etree.ElementTree.parse(tmp_path / "chart.svg").getroot()) > 2  # a whole document: title, style, background
    assert "mul1+add1+sum1" in call("profile", fake_module, "--runs", 1, "--seconds", 0).stdout


def test_a_profile_is_evaluated_at_the_sizes_of_its_inputs(model, tmp_path):
    """Table, JSON, page and chart: no symbolic size is left, and operations, bytes and predicted times are those of the run."""
    plain = ("--threads", 1, "--runs", 2, "--seconds", 0)
    def measured(size):
        return call_json("profile", model, "--dim", f"n={size}", *plain)["launches"]
    np.save(tmp_path / "x.npy", np.zeros((4096, 4), np.float32))
    options = ("--input", f"x={tmp_path / 'x.npy'}", *plain)
    [given] = call_json("profile", model, *options, "--html", tmp_path / "page.html", "--svg", tmp_path / "chart.svg")["launches"]
    [fixed], [smaller] = measured(4096), measured(1024)
    assert given["shape"] == fixed["shape"] == "4096x4 -> 4096x8" and smaller["shape"] == "1024x4 -> 1024x8"
    for field in ("flops", "bytes", "predicted_seconds"):
        assert given[field] == pytest.approx(fixed[field], rel=0.1) and 3 < given[field] / smaller[field] < 4.1
    assert given["flops"] >= 2 * 4096 * 8 * 4 and given["gflops_per_second"] > 0 and given["roof_percent"] > 0
    for text in (call("profile", model, *options).stdout, (tmp_path / "page.html").read_text(), (tmp_path / "chart.svg").read_text()):
        assert "4096x4 -&gt; 4096x8" in text.replace("->", "-&gt;")


def test_profile_prints_the_machine_code_of_a_kernel(model, fake_module, tmp_path):
    """Of the slowest one, or of those in whose name or nodes a text occurs; from the cache of compiled kernels as well."""
    environment = os.environ | {"TENSORWRIGHT_CACHE": str(tmp_path)}
    options = ("--dim", "n=64", "--runs", 2, "--seconds", 0)
    for _ in range(2):
        text = call("profile", model, *options, "--asm", env=environment).stdout
        assert text.startswith("# ") and "product" in text.splitlines()[0] and "% of the roof" in text.splitlines()[0]
        assert "innermost loop, " in text and "  ret\n" in text
    result = call_json("profile", model, *options, "--asm", "activation", env=environment)
    [kernel] = result["assembly"]
    assert kernel["kernel"] == result["launches"][0]["kernel"] and kernel["text"] in text + "\n" and kernel["loops"][0]["instructions"] > 0
    assert "assembly" not in call_json("profile", model, *options)
    error = call_json("profile", model, *options, "--asm", kernel["kernel"] + "x", code=1)
    assert "expected a part of a kernel's name or of its nodes, found" in error["message"] and f"did you mean '{kernel['kernel']}'?" in error["hint"]
    assert kernel["kernel"] in call_json("profile", model, *options, "--asm", "nothing of the kind", code=1)["hint"]
    assert "no single kernels are known" in call("profile", fake_module, "--asm", code=1).stderr


def test_info_of_an_exported_module(fake_module):
    result = call_json("info", fake_module)
    assert result["inputs"] == [{"name": "x", "dtype": "f32", "shape": ["n", 3]}]
    assert result["dimensions"] == [{"name": "n", "minimum": 1, "maximum": 64, "multiple": 1}]
    assert "f32[n, 3]" in call("info", fake_module).stdout
    # The arena depends on n: it is told for the smallest.
    assert result["arena_bytes"] > 0 and " with n=1" in call("info", fake_module).stdout


@pytest.mark.parametrize("command", ["compile", "compare", "explain"])
def test_what_needs_the_model_says_so(fake_module, command):
    error = call_json(command, fake_module, code=1)
    assert error["kind"] == "user" and error["hint"]


def test_damaged_modules_are_refused(fake_module, tmp_path):
    damaged = bytearray(fake_module.read_bytes())
    damaged[5000] ^= 4
    (tmp_path / "damaged.so").write_bytes(damaged)
    assert "checksum" in call("run", tmp_path / "damaged.so", code=1).stderr


# ---- models: the whole compiler


def test_compile_then_run(model, tmp_path):
    result = call_json("compile", model, "-o", tmp_path / "small.so", "--no-cache")
    assert result["bytes"] == (tmp_path / "small.so").stat().st_size and result["kernels"] >= 1
    x = np.random.default_rng(1).standard_normal((3, 4)).astype(np.float32)
    np.save(tmp_path / "x.npy", x)
    call("run", tmp_path / "small.so", "--input", f"x={tmp_path}/x.npy", "--output", tmp_path / "y.npy")
    call("run", model, "--input", f"x={tmp_path}/x.npy", "--output", tmp_path / "y2.npy")
    w, b = (onnx.numpy_helper.to_array(t) for t in onnx.load(model).graph.initializer)
    np.testing.assert_allclose(np.load(tmp_path / "y.npy"), np.maximum(x @ w + b, 0), rtol=1e-4, atol=1e-5)
    np.testing.assert_array_equal(np.load(tmp_path / "y.npy"), np.load(tmp_path / "y2.npy"))


def test_compile_says_how_large_the_arena_is(tmp_path):
    """Of what lies between three products of 100 x 100 two results live at once at most; they share their memory."""
    value = lambda name: helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, (100, 100))
    nodes = [helper.make_node("MatMul", ["x", "x"], ["a"]), helper.make_node("MatMul", ["a", "x"], ["b"]), helper.make_node("MatMul", ["b", "x"], ["y"])]
    onnx.save(helper.make_model(helper.make_graph(nodes, "chain", [value("x")], [value("y")]), opset_imports=[helper.make_operatorsetid("", 17)],
                                ir_version=8), tmp_path / "chain.onnx")
    result = call_json("compile", tmp_path / "chain.onnx", "-o", tmp_path / "chain.so")
    assert 2 * 40000 <= result["live_bytes"] <= result["arena_bytes"] <= 1.1 * 2 * 40000
    assert call_json("info", tmp_path / "chain.so")["arena_bytes"] == result["arena_bytes"]
    assert "arena 78.1 KiB" in call("info", tmp_path / "chain.so").stdout


def test_compile_for_another_processor(model, tmp_path):
    has = call_json("doctor")["features"]
    missing = [feature for feature in ("amx_tile", "avx512_fp16", "avx512f") if feature not in has]
    if not missing:
        pytest.skip("this processor has all of them")
    call("compile", model, "-o", tmp_path / "other.so", "--target", f"x86-64+{missing[0]}")
    assert "this processor lacks" in call("run", tmp_path / "other.so", code=2).stderr
    assert "this processor lacks" in call("run", model, "--target", f"x86-64+{missing[0]}", code=2).stderr


def test_compile_into_a_missing_folder_leaves_nothing(model, tmp_path):
    assert "cannot" in call("compile", model, "-o", tmp_path / "no/small.so", code=1).stderr
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("against", ["reference", "onnxruntime"])
def test_compare(model, against):
    environment = os.environ | {"TENSORWRIGHT_PYTHON": sys.executable}
    result = call_json("compare", model, "--against", against, "--dim", "n=3", env=environment)
    assert result["same"] and result["outputs"][0]["relative"] < 1e-4


@pytest.mark.parametrize("command", ["run", "compile"])
def test_check_compares_with_float64(model, tmp_path, command):
    # Each output with its error over its largest magnitude, beside the command's own result.
    result = call_json(command, model, "--check", cwd=tmp_path)
    assert result["check"]["against"] == "float64" and result["check"]["same"] is True
    assert [output["name"] for output in result["check"]["outputs"]] == ["y"] and result["check"]["outputs"][0]["relative"] < 1e-6
    assert "outputs" in result or result["path"] == "small.so"
    text = call(command, model, "--check", cwd=tmp_path).stdout
    assert "checked against float64, 0.0001 of each output's largest magnitude allowed: passed" in text


def test_check_that_fails_exits_with_4_and_writes_nothing(tmp_path):
    # 1e8 + 1 - 1e8 is 0 in float32 and 1 in float64.
    (tmp_path / "lost.txt").write_text("""# tensorwright 1
from __future__ import annotations
from tensorwright.text import *

large = constant(f32, (4,), [1e+08, 1e+08, 1e+08, 1e+08])

@function(exported=True)
def main(x: Tensor[(4), f32]) -> Tensor[(4), f32]:
    a: Tensor[(4), f32] = add(x, large)
    y: Tensor[(4), f32] = sub(a, large)
    return y
""".replace("[(4), f32]", "[(4,), f32]"))
    check = call_json("compile", tmp_path / "lost.txt", "--check", "-o", tmp_path / "lost.so", code=4)["check"]
    assert check["same"] is False and not (tmp_path / "lost.so").exists()
    result = call("run", tmp_path / "lost.txt", "--check", code=4)
    assert "DIFFERS" in result.stdout and "FAILED" in result.stdout


def test_check_needs_the_model_itself(fake_module):
    assert "holds machine code only" in call("run", fake_module, "--check", code=1).stderr


def test_compare_that_differs_exits_with_4(model):
    result = call_json("compare", model, "--tolerance", "-1", code=4)
    assert not result["same"] and not result["outputs"][0]["same"]


def test_compare_without_onnxruntime_says_how_to_get_it(model, tmp_path):
    python = tmp_path / "python"
    python.write_text("#!/bin/sh\necho \"No module named 'onnxruntime'\" >&2\nexit 86\n")
    python.chmod(0o755)
    error = call_json("compare", model, "--against", "onnxruntime", code=2, env=os.environ | {"TENSORWRIGHT_PYTHON": str(python)})
    assert "has no ONNX Runtime: No module named 'onnxruntime'" in error["message"] and "pip install onnxruntime" in error["hint"]
    error = call_json("compare", model, "--against", "onnxruntime", code=2, env=os.environ | {"TENSORWRIGHT_PYTHON": "/absent/python"})
    assert "cannot run /absent/python" in error["message"]


def test_explain(model, tmp_path):
    plan = call_json("explain", model, "--no-cache")
    assert plan["launches"] and isinstance(plan["remarks"], list)
    timings = call_json("explain", model, "--timings", "--no-cache")
    passes = [entry["pass"] for entry in timings["passes"]]
    assert passes and timings["total_seconds"] > 0
    printed = call_json("explain", model, "--print-after", "fuse", "--dump", tmp_path / "dump")
    assert [entry["pass"] for entry in printed["printed"]] == ["fuse"] and "def main" in printed["printed"][0]["module"]
    assert list((tmp_path / "dump").iterdir())
    stopped = call_json("explain", model, "--stop-after", "fuse")
    assert stopped["printed"][-1]["pass"] == "fuse"
    assert "there is no pass 'fus'" in call_json("explain", model, "--print-after", "fus", code=1)["message"]


def test_info_of_a_model(model):
    result = call_json("info", model)
    assert result["operators"] == {"MatMul": 1, "Add": 1, "Relu": 1} and result["dimensions"] == ["n"] and result["unsupported"] == []
    assert result["inputs"] == [{"name": "x", "dtype": "float32", "shape": ["n", 4]}]


def test_unsupported_operators_are_listed_at_once(tmp_path):
    value = lambda name: helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, [1])
    nodes = [helper.make_node("Nope", ["x"], ["a"], domain="my.domain"), helper.make_node("Never", ["a"], ["y"], domain="my.domain")]
    graph = helper.make_graph(nodes, "g", [value("x")], [value("y")])
    opsets = [helper.make_operatorsetid("", 17), helper.make_operatorsetid("my.domain", 1)]
    onnx.save(helper.make_model(graph, opset_imports=opsets, ir_version=8), tmp_path / "m.onnx")
    result = call_json("info", tmp_path / "m.onnx", code=2)
    assert "Nope" in " ".join(result["unsupported"]) and "Never" in " ".join(result["unsupported"])
    error = call_json("run", tmp_path / "m.onnx", code=2)
    assert error["kind"] == "unsupported" and "Nope" in error["message"] and "Never" in error["message"]


@pytest.mark.parametrize("content", [b"", b"\x08garbage", b"text", b"PK\x03\x04"])
def test_files_that_are_no_models(tmp_path, content):
    (tmp_path / "model").write_bytes(content)
    for command in ("run", "info", "compile"):
        assert call_json(command, tmp_path / "model", code=1)["kind"] == "user"
    assert call_json("run", tmp_path / "absent", code=1)["kind"] == "user"

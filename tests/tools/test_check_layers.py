# SPDX-License-Identifier: Apache-2.0
"""tools/check_layers, run on small trees that break one rule each."""
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
LAYERS = '[layers]\n"src/base" = []\n"src/ir" = ["src/base"]\n"src/codegen/llvm" = ["src/ir"]\n"src/codegen/source" = ["src/ir"]\n'


@pytest.fixture
def check(tmp_path):
    def run(files, layers=LAYERS):
        for name, text in {"layers.toml": layers, "src/base/size.h": "#pragma once\n", "src/ir/node.h": "#pragma once\n", **files}.items():
            path = tmp_path / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
        result = subprocess.run([sys.executable, ROOT / "tools/check_layers", tmp_path], capture_output=True, text=True)
        assert result.stderr == ""
        return result.returncode, result.stdout

    return run


def test_the_project_itself_keeps_its_layers():
    assert subprocess.run([sys.executable, ROOT / "tools/check_layers"]).returncode == 0


def test_an_edge_that_a_row_lists_is_accepted(check):
    assert check({"src/ir/node.cpp": '#include "ir/node.h"\n#include "base/size.h"\n#include <vector>\n'}) == (0, "layers: ok\n")


def test_an_upward_include_is_refused_with_its_line_and_what_is_allowed(check):
    code, output = check({"src/base/size.cpp": '#include "base/size.h"\n#include "ir/node.h"\n'})
    assert code == 1
    assert "src/base/size.cpp:2: src/base may not use src/ir (ir/node.h); its row allows nothing" in output


def test_an_angle_include_of_our_own_header_is_an_edge_too(check):
    assert "src/base/size.cpp:1: src/base may not use src/ir" in check({"src/base/size.cpp": "#include <ir/node.h>\n"})[1]


def test_a_relative_include_is_an_edge_too(check):
    assert "src/base may not use src/ir" in check({"src/base/size.cpp": '#include "../ir/node.h"\n'})[1]


def test_the_longest_folder_decides_so_two_generators_are_apart(check):
    output = check({"src/codegen/llvm/emit.h": "#pragma once\n", "src/codegen/source/c.cpp": '#include "codegen/llvm/emit.h"\n'})[1]
    assert "src/codegen/source may not use src/codegen/llvm" in output


def test_llvm_is_visible_to_one_folder(check):
    files = {"src/codegen/llvm/emit.cpp": "#include <llvm/IR/Module.h>\n", "src/ir/node.cpp": "#include <llvm/IR/Module.h>\n"}
    code, output = check(files)
    assert code == 1
    assert "src/ir/node.cpp:1: LLVM's headers (here llvm/IR/Module.h) may be included below src/codegen/llvm only" in output
    assert "emit.cpp" not in output


def test_a_cycle_of_rows_is_shown_as_a_path(check):
    assert "cycle: a -> b -> a" in check({}, '[layers]\n"a" = ["b"]\n"b" = ["a"]\n"src/base" = []\n"src/ir" = []\n')[1]


def test_a_row_that_lists_an_unknown_folder_is_refused(check):
    assert 'row "src/ir" lists "src/bsae"' in check({}, '[layers]\n"src/base" = []\n"src/ir" = ["src/bsae"]\n')[1]


def test_a_folder_without_a_row_is_refused(check):
    assert "src/new/thing.cpp:1: the file is in no row" in check({"src/new/thing.cpp": "\n"})[1]


def test_a_header_without_a_guard_is_refused_and_a_c_guard_is_accepted(check):
    output = check({"src/ir/a.h": "int a;\n", "src/ir/b.h": "#ifndef B_H\n#define B_H\n#endif\n"})[1]
    assert "src/ir/a.h:1: the header does not guard" in output
    assert "b.h" not in output


def test_a_quoted_include_of_no_file_is_refused(check):
    assert 'src/ir/a.cpp:1: #include "fmt/format.h" names no file' in check({"src/ir/a.cpp": '#include "fmt/format.h"\n'})[1]


def test_the_package_may_not_import_what_is_not_installed_with_it(check):
    output = check({"python/tensorwright/__init__.py": "import numpy\nfrom tests import helper\n"})[1]
    assert "python/tensorwright/__init__.py:2: the package may not import tests" in output


def test_python_folders_can_be_layers_and_relative_imports_are_seen(check):
    layers = LAYERS + '"python/tensorwright" = []\n"python/tensorwright/torch" = []\n'
    files = {"python/tensorwright/__init__.py": "from .torch import walk\n", "python/tensorwright/torch/__init__.py": "walk = 1\n"}
    assert "python/tensorwright/__init__.py:1: python/tensorwright may not use python/tensorwright/torch" in check(files, layers)[1]

# SPDX-License-Identifier: Apache-2.0
"""tools/check_budgets, run on small trees that break one rule each."""
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
BUDGETS = "[limits]\nfile_lines = 40\nfunction_lines = 10\n"
SPDX = "// SPDX-License-Identifier: Apache-2.0\n"
UNFINISHED = "TO" + "DO"  # apart, so that this file does not break the rule


@pytest.fixture
def check(tmp_path):
    def run(files, budgets=BUDGETS):
        for name, text in {"tools/budgets.toml": budgets, **files}.items():
            path = tmp_path / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
        result = subprocess.run([sys.executable, ROOT / "tools/check_budgets", tmp_path], capture_output=True, text=True)
        assert result.stderr == ""
        return result.returncode, result.stdout

    return run


def test_the_project_itself_keeps_its_budgets():
    assert subprocess.run([sys.executable, ROOT / "tools/check_budgets"]).returncode == 0


def test_small_files_pass(check):
    assert check({"src/a.cpp": SPDX + "int f() {\n  return 1;\n}\n"}) == (0, "budgets: ok\n")


def test_a_long_file_is_refused_and_an_exempt_one_is_not(check):
    long_file = {"src/a.cpp": SPDX + "int a;\n" * 50}
    code, output = check(long_file)
    assert code == 1 and "src/a.cpp:1: the file has 51 lines, at most 40 are allowed" in output
    assert check(long_file, BUDGETS + '[exempt_files]\n"src/a.cpp" = "a table of rules"\n')[0] == 0


@pytest.mark.parametrize("head", [
    "int f(int a) {",
    "int Class::f(int a) const {",
    "template <class T> auto f(T a) -> std::vector<T> {",
    "Class::Class(int a) : value_(a), other_{2} {",
    "int f(int a,\n      int b) {",
])
def test_a_long_function_is_found_however_it_begins(check, head):
    code, output = check({"src/a.cpp": SPDX + head + "\n" + "  g();\n" * 12 + "}\n"})
    assert code == 1 and "src/a.cpp:2: function" in output and "at most 10 are allowed" in output


def test_braces_in_strings_and_comments_do_not_count(check):
    body = '  g("{{{");  // {{{\n  h(\'{\');\n  i(R"(\n{{\n)");\n}\n'
    assert check({"src/a.cpp": SPDX + "int f() {\n" + body + "int a;\n" * 12})[0] == 0


def test_namespaces_and_classes_are_no_functions(check):
    assert check({"src/a.cpp": SPDX + "namespace a {\nstruct S {\n" + "  int f();\n" * 12 + "};\n}\n"})[0] == 0


def test_a_long_python_function_is_found_also_in_a_script_without_suffix(check):
    text = "#!/usr/bin/env python3\n# SPDX-License-Identifier: Apache-2.0\ndef f():\n" + "    pass\n" * 12
    assert "tools/thing:3: function f has 13 lines" in check({"tools/thing": text})[1]


def test_an_exempt_function_passes_and_an_exemption_of_nothing_is_refused(check):
    files = {"src/a.cpp": SPDX + "int f() {\n" + "  g();\n" * 12 + "}\n"}
    assert check(files, BUDGETS + '[exempt_functions]\n"src/a.cpp:f" = "one switch"\n')[0] == 0
    assert "exempts src/gone.cpp" in check({}, BUDGETS + '[exempt_files]\n"src/gone.cpp" = "old"\n')[1]


def test_a_source_without_a_licence_line_is_refused(check):
    assert "src/a.cpp:1: none of the first three lines says SPDX" in check({"src/a.cpp": "int a;\n"})[1]


def test_unfinished_work_needs_a_number(check):
    assert f"src/a.cpp:2: {UNFINISHED} without a number" in check({"src/a.cpp": SPDX + f"// {UNFINISHED}: later\n"})[1]
    assert check({"src/a.cpp": SPDX + f"// {UNFINISHED}(#12): later\n"})[0] == 0


def test_paths_that_the_docs_name_must_exist(check):
    text = "See `src/a.cpp`, `src/gone.cpp`, `src/ops/<family>/x.cpp`, [this](other.md) and [that](https://example.org/x).\n"
    output = check({"docs/page.md": text, "src/a.cpp": SPDX})[1]
    assert "docs/page.md:1: names src/gone.cpp, which does not exist" in output
    assert "docs/page.md:1: names other.md, which does not exist" in output
    assert "src/a.cpp" not in output and "family" not in output and "example.org" not in output

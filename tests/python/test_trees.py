# SPDX-License-Identifier: Apache-2.0
"""Forests against a walk in Python, node by node: numbers of trees that fill no vector, trees of uneven depth, all comparisons, NaN."""
import numpy as np
import onnx
import pytest
from onnx import helper

import tensorwright as tw

MODES = {"BRANCH_LEQ": np.less_equal, "BRANCH_LT": np.less, "BRANCH_GTE": np.greater_equal, "BRANCH_GT": np.greater, "BRANCH_EQ": np.equal,
         "BRANCH_NEQ": np.not_equal}


def random_forest(generator, trees, deepest, features, targets, modes, entries=(1, 2)):
    """Attributes of a TreeEnsembleRegressor; nodes in the order in which they are made, leaves at any depth."""
    names = ["nodes_treeids", "nodes_nodeids", "nodes_featureids", "nodes_values", "nodes_modes", "nodes_truenodeids", "nodes_falsenodeids",
             "nodes_missing_value_tracks_true"]
    nodes = {name: [] for name in names}
    leaves = {"target_treeids": [], "target_nodeids": [], "target_ids": [], "target_weights": []}
    for tree in range(trees):
        count = 0

        def grow(depth):
            nonlocal count
            number, count = count, count + 1
            place = len(nodes["nodes_modes"])
            leaf = depth == deepest or (depth > 0 and generator.random() < 0.2)
            row = [tree, number, int(generator.integers(features)), float(generator.integers(-4, 5)) / 2,
                   "LEAF" if leaf else str(generator.choice(modes)), 0, 0, int(generator.random() < 0.5)]
            for name, value in zip(names, row):
                nodes[name].append(value)
            if leaf:
                for _ in range(generator.integers(entries[0], entries[1] + 1)):
                    for name, value in zip(leaves, [tree, number, int(generator.integers(targets)), float(generator.standard_normal())]):
                        leaves[name].append(value)
                return number
            nodes["nodes_truenodeids"][place] = grow(depth + 1)
            nodes["nodes_falsenodeids"][place] = grow(depth + 1)
            return number

        grow(0)
    return nodes | leaves


def walked(forest, x, targets, aggregate):
    place = {key: i for i, key in enumerate(zip(forest["nodes_treeids"], forest["nodes_nodeids"]))}
    entries = {}
    for tree, node, target, weight in zip(*(forest[name] for name in ("target_treeids", "target_nodeids", "target_ids", "target_weights"))):
        entries.setdefault((tree, node), []).append((target, weight))
    found = [[[] for _ in range(targets)] for _ in x]
    for row, sample in enumerate(x):
        for tree in sorted(set(forest["nodes_treeids"])):
            node = 0
            while (mode := forest["nodes_modes"][i := place[tree, node]]) != "LEAF":
                value = sample[forest["nodes_featureids"][i]]
                holds = MODES[mode](value, np.float32(forest["nodes_values"][i])) or (np.isnan(value) and forest["nodes_missing_value_tracks_true"][i])
                node = forest["nodes_truenodeids" if holds else "nodes_falsenodeids"][i]
            for target, weight in entries.get((tree, node), []):
                found[row][target].append(weight)
    combine = {"SUM": sum, "MIN": lambda v: min(v, default=0), "MAX": lambda v: max(v, default=0),
               "AVERAGE": lambda v: sum(v) / len({*forest["nodes_treeids"]})}[aggregate]
    return np.array([[combine(weights) for weights in row] for row in found], np.float32)


def check(generator, forest, targets, aggregate, threads):
    x = (generator.integers(-6, 7, (33, 5)) / 2).astype(np.float32)
    x[generator.random(x.shape) < 0.1] = np.nan
    node = helper.make_node("TreeEnsembleRegressor", ["x"], ["y"], domain="ai.onnx.ml", n_targets=targets, aggregate_function=aggregate, **forest)
    graph = helper.make_graph([node], "g", [helper.make_tensor_value_info("x", onnx.TensorProto.FLOAT, ["n", 5])],
                              [helper.make_tensor_value_info("y", onnx.TensorProto.FLOAT, ["n", targets])])
    opsets = [helper.make_operatorsetid("", 17), helper.make_operatorsetid("ai.onnx.ml", 3)]
    model = tw.compile(helper.make_model(graph, opset_imports=opsets, ir_version=8), threads=threads)
    np.testing.assert_allclose(model(x).numpy(), walked(forest, x, targets, aggregate), rtol=1e-5, atol=1e-6)
    many = np.concatenate([x, x[::-1], x, x[::-1], x])  # two vectors of samples, and some that are left
    np.testing.assert_array_equal(model(many).numpy(), np.concatenate([model(x).numpy(), model(x[::-1]).numpy()] * 2 + [model(x).numpy()]))
    assert model(x[:0]).numpy().shape == (0, targets)


@pytest.mark.parametrize("trees", [1, 7, 16, 45])
@pytest.mark.parametrize("modes, aggregate", [(["BRANCH_LEQ"], "SUM"), (list(MODES), "SUM"), (["BRANCH_GT"], "MAX"), (["BRANCH_LT", "BRANCH_LEQ"], "MIN")])
@pytest.mark.parametrize("threads", [1, 2])
def test_forests_give_what_a_walk_from_node_to_node_gives(trees, modes, aggregate, threads):
    generator = np.random.default_rng(trees)
    check(generator, random_forest(generator, trees, 7, 5, 3, modes), 3, aggregate, threads)


@pytest.mark.parametrize("trees", [1, 13, 127])
@pytest.mark.parametrize("aggregate", ["SUM", "AVERAGE", "MAX"])
def test_leaves_of_one_target_have_one_weight_or_none(trees, aggregate):
    """Their weights are those of nodes where they are summed, and entries as elsewhere for the greatest one."""
    generator = np.random.default_rng(trees)
    check(generator, random_forest(generator, trees, 6, 5, 1, ["BRANCH_LEQ"], (0, 1)), 1, aggregate, 2)

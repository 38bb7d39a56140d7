"""Circuits: probabilities against sums over all states, fitting, pruning, files, bad input."""

from __future__ import annotations

import functools
import importlib
import itertools
import math
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from lmcodec.circuit import Circuit, file, messages, shapes, structure
from lmcodec.circuit.arrays import categories_of, samples_of
from lmcodec.circuit.tree import Tree
from lmcodec.circuit.weights import Weights
from lmcodec.errors import FormatError, LimitError, TruncatedError

pytest.importorskip("numba", reason="numba is not installed")
em: Any = importlib.import_module("lmcodec.circuit.em")
initial: Any = importlib.import_module("lmcodec.circuit.initial")
logistic: Any = importlib.import_module("lmcodec.circuit.logistic")
sparse: Any = importlib.import_module("lmcodec.circuit.sparse")
trainer: Any = importlib.import_module("lmcodec.circuit.trainer")

# Nodes without a variable, with one child and with three, of different numbers of states.
TREE = Tree.of([-1, 0, 0, 2, 2, 2], [3, 2, 4, 3, 1, 2], [1, 0, -1, 2, 3, -1], [2, 3, 4, 2])


def drawn(tree: Tree, seed: int = 0) -> Weights:
    """Return weights of a tree, drawn."""
    widest = int(tree.categories.max())
    samples = np.zeros((1, len(tree.categories)), np.uint8)
    smoothing = em.Smoothing.of(samples, tree.categories, transitions=0.1, emissions=1.0, reach=0.0)
    even = np.arange(widest) < tree.categories[:, None]
    even = (even / even.sum(axis=1, keepdims=True)).astype(np.float32)
    found: Weights = initial.noisy(tree, replace(smoothing, prior=even), seed)
    return found


def pruned_with_shapes(tree: Tree, seed: int = 0) -> Weights:
    """Return weights with few edges, whose emissions are mixtures of shapes."""
    weights = drawn(tree, seed)
    flows = np.random.default_rng(seed).random(len(weights.targets), np.float32)
    width = int(tree.categories[0])
    tables = shapes.tables_of(np.arange(width, dtype=np.float64), 4)
    usual = np.full((len(tree.categories), len(tables)), 1 / len(tables), np.float32)
    return sparse.prune(initial.shaped(weights, tables, usual, seed), flows, 0.8)  # type: ignore[no-any-return]


# Variables of equally many values, and states enough for few edges.
ALIKE = replace(
    TREE,
    states=np.array([12, 9, 14, 10, 1, 8], np.int32),
    categories=np.full(4, 5, np.int32),
)


def circuit_of(weights: Weights) -> Circuit:
    """Return a circuit of weights, its samples rows."""
    circuit = Circuit(threads=2)
    circuit.weights, circuit.shape = weights, (len(weights.tree.categories),)
    return circuit


def all_samples(tree: Tree) -> np.ndarray[Any, np.dtype[np.uint8]]:
    """Return every sample that there can be."""
    return np.array(list(itertools.product(*map(range, tree.categories))), np.uint8)


def by_enumeration(weights: Weights, sample: Any, hidden: tuple[int, ...] = ()) -> float:
    """Return the probability of what is not hidden of a sample, as a sum over all states."""
    tree = weights.tree
    matrices = [weights.transition_matrix(node).astype(float) for node in range(len(tree))]
    total = 0.0
    for states in itertools.product(*map(range, tree.states)):
        product = 1.0
        for node, state in enumerate(states):
            above = states[tree.parents[node]] if node else 0
            product *= matrices[node][above, state]
            variable = int(tree.variables[node])
            if variable >= 0 and variable not in hidden:
                product *= float(weights.emission_matrix(node)[state, sample[variable]])
        total += product
    return total


@functools.cache
def images() -> np.ndarray[Any, np.dtype[np.uint8]]:
    """Return small images: a bright bar somewhere, with noise."""
    generator = np.random.default_rng(5)
    found = generator.integers(0, 3, (600, 4, 5))
    for image, column in zip(found, generator.integers(0, 5, 600), strict=True):
        image[:, column] += generator.integers(5, 8)
    return found.astype(np.uint8)


def test_probabilities_are_sums_over_all_states() -> None:
    weights = drawn(TREE)
    samples = all_samples(TREE)
    expected = [by_enumeration(weights, sample) for sample in samples]
    assert sum(expected) == pytest.approx(1, abs=1e-6)
    logs = circuit_of(weights).log_likelihood(samples)
    np.testing.assert_allclose(np.exp(logs), expected, rtol=1e-5)
    np.testing.assert_allclose(
        messages.upward(weights, samples.astype(np.int16))[2], np.log(expected), rtol=1e-6
    )


def test_marginals_and_conditionals_are_sums_over_all_states() -> None:
    weights = drawn(TREE, 1)
    circuit, samples = circuit_of(weights), all_samples(TREE)[::5]
    missing = np.zeros(samples.shape, np.bool_)
    missing[:, [0, 3]] = True
    expected = [by_enumeration(weights, sample, (0, 3)) for sample in samples]
    np.testing.assert_allclose(
        circuit.marginal(samples, missing), np.log(expected), rtol=1e-5, atol=1e-6
    )
    shares = circuit.conditional(samples, missing, 3)
    for row, sample, whole in zip(shares, samples, expected, strict=True):
        for value in range(2):
            given = [*sample[:3], value]
            assert row[value] == pytest.approx(by_enumeration(weights, given, (0,)) / whole, 1e-4)


def test_samples_come_as_often_as_they_are_probable() -> None:
    weights = drawn(TREE, 2)
    circuit, samples = circuit_of(weights), all_samples(TREE)
    taken = circuit.sample(40_000, seed=3)
    assert np.array_equal(taken[:100], circuit.sample(40_000, seed=3)[:100])
    places = np.ravel_multi_index(tuple(taken.T), tuple(TREE.categories))
    counts = np.bincount(places, minlength=len(samples))
    expected = 40_000 * np.exp(circuit.log_likelihood(samples))
    # The sum of squares, of as many degrees of freedom: its deviation is the root of twice that.
    degrees = len(samples) - 1
    squares = ((counts - expected) ** 2 / expected).sum()
    assert abs(squares - degrees) < 5 * math.sqrt(2 * degrees)


def test_missing_values_are_drawn_as_the_others_say() -> None:
    # Two variables that are always equal.
    tree = Tree.of([-1, 0], [2, 2], [0, 1], [2, 2])
    weights = Weights.dense(tree)
    weights.transitions[:] = [0.5, 0.5, 1, 0, 0, 1]
    weights.emissions[:] = [1, 0, 0, 1] * 2
    samples = np.array([[0, 0], [1, 0]] * 20, np.uint8)
    missing = np.zeros(samples.shape, np.bool_)
    missing[:, 1] = True
    found = circuit_of(weights).complete(samples, missing)
    assert np.array_equal(found[:, 1], samples[:, 0])


def test_mutual_information_and_tree_are_those_of_all_pairs() -> None:
    generator = np.random.default_rng(1)
    first = generator.integers(0, 3, 500)
    noise = generator.random((500, 4)) < [0.1, 0.3, 0.5, 0.95]
    others = np.where(noise, generator.integers(0, 3, (500, 4)), first[:, None])
    samples = np.column_stack([first, others]).astype(np.uint8)
    found = structure.mutual_information(samples, 3)
    for i, j in itertools.product(range(5), repeat=2):
        joint = np.histogram2d(samples[:, i], samples[:, j], bins=3)[0] / 500
        apart = joint.sum(axis=1)[:, None] * joint.sum(axis=0)[None]
        seen = joint > 0
        expected = (joint[seen] * np.log(joint[seen] / apart[seen])).sum()
        assert found[i, j] == pytest.approx(expected, abs=1e-5)

    def weight(edges: Any) -> float:
        return float(sum(found[i, j] for i, j in edges))

    pairs = list(itertools.combinations(range(5), 2))
    best = max(
        (edges for edges in itertools.combinations(pairs, 4) if _connects(edges, 5)), key=weight
    )
    neighbours = structure.spanning_tree(found)
    tree_edges = {(i, j) for i, near in enumerate(neighbours) for j in near if i < j}
    assert tree_edges == set(best)


def _connects(edges: Any, count: int) -> bool:
    seen = {0}
    for _ in range(count):
        for i, j in edges:
            if i in seen or j in seen:
                seen |= {i, j}
    return len(seen) == count


def test_the_centroid_halves_a_path() -> None:
    path = [[1], [0, 2], [1, 3], [2, 4], [3]]
    assert structure.centroid(path) == 2
    tree = structure.rooted(path, np.full(5, 2, np.int32), 3)
    assert tree.depth == 3
    assert tree.variables[0] == 2


def test_values_are_binned_about_evenly() -> None:
    column = np.repeat(np.arange(256), 10).astype(np.uint8)
    frequent = np.concatenate([np.zeros(10_000, np.uint8), column])[:, None]
    binned = structure.bin_values(frequent, np.array([256], np.int32), 8)
    assert binned.max() == 7
    assert set(frequent[binned == binned[0, 0]]) == {0}
    counts = np.bincount(binned[10_000:, 0], minlength=8)[1:]
    assert counts.min() > 200


@pytest.mark.parametrize("shape", [(1,), (7,), (4, 6), (3, 2, 5)])
def test_splits_halve_boxes(shape: tuple[int, ...]) -> None:
    size = math.prod(shape)
    tree = structure.split(shape, np.full(size, 2, np.int32), 3)
    tree.check()
    assert len(tree) == 2 * size - 1
    assert tree.depth <= math.ceil(math.log2(size)) + len(shape)
    inner = np.unique(tree.parents[1:])
    assert (tree.variables[inner] == -1).all()


def test_many_columns_and_columns_that_are_the_same() -> None:
    generator = np.random.default_rng(2)
    samples = generator.integers(0, 2, (40, 4096), np.uint8)
    samples[:, 1] = samples[:, 0]
    samples[:, 2] = 0
    tree = structure.chow_liu(samples, np.full(4096, 2, np.int32), 2)
    assert len(tree) == 4096
    place = np.argsort(tree.variables)
    assert tree.parents[place[1]] == place[0] or tree.parents[place[0]] == place[1]
    circuit = Circuit(states=2, epochs=1, full=0, held=0, threads=2, structure="chain")
    circuit.fit(samples)
    assert np.isfinite(circuit.log_likelihood(samples)).all()


@pytest.mark.parametrize("kind", ["chow-liu", "split", "chain"])
def test_a_full_pass_never_makes_samples_less_likely(kind: str) -> None:
    circuit = Circuit(
        states=4, structure=kind, epochs=0, full=12, held=0, threads=2,
        smoothing=1e-4, transition_smoothing=1e-4, patience=0,
    ).fit(images())  # fmt: skip
    bits = [each.bits_per_dimension for each in circuit.history]
    assert len(bits) == 12
    assert all(after <= before + 1e-6 for before, after in itertools.pairwise(bits))
    assert bits[-1] < bits[0] - 0.05


def test_logistic_mixtures_never_make_samples_less_likely() -> None:
    circuit = Circuit(
        states=3, emission="logistic", components=2, epochs=0, full=10, held=0, threads=1,
        transition_smoothing=1e-4,
    ).fit(images())  # fmt: skip
    bits = [each.bits_per_dimension for each in circuit.history]
    assert all(after <= before + 1e-6 for before, after in itertools.pairwise(bits))
    assert bits[-1] < bits[0] - 0.05
    for node in range(20):
        table = circuit.weights.emission_matrix(node)  # type: ignore[union-attr]
        np.testing.assert_allclose(table.sum(axis=1), 1, rtol=1e-5)


def test_what_is_known_is_found_again() -> None:
    truth = circuit_of(drawn(structure.chain(np.full(8, 3, np.int32), 2), 7))
    samples, fresh = truth.sample(6000, seed=1), truth.sample(6000, seed=2)
    fitted = Circuit(states=2, epochs=25, full=5, batch=500, threads=2).fit(samples)
    entropy = truth.bits_per_dimension(fresh)
    assert entropy <= fitted.bits_per_dimension(fresh) + 0.005
    assert fitted.bits_per_dimension(fresh) < 1.02 * entropy


def test_the_same_seed_gives_the_same_circuit_and_checkpoints_go_on(tmp_path: Path) -> None:
    path = tmp_path / "check.npz"
    options: dict[str, Any] = dict(states=3, epochs=6, full=1, batch=128, threads=2, seed=4)
    whole = Circuit(**options).fit(images())

    class Stopped(Exception):  # noqa: N818
        pass

    def stop(report: Any) -> None:
        if report.epoch == 3:
            raise Stopped

    with pytest.raises(Stopped):
        Circuit(**options).fit(images(), checkpoint=path, progress=stop)
    later = Circuit(**options).fit(images(), checkpoint=path, resume=True)
    assert later.history == whole.history
    assert later.to_bytes() == whole.to_bytes()
    with pytest.raises(FormatError, match="another circuit"):
        Circuit(**(options | {"states": 4})).fit(images(), checkpoint=path, resume=True)
    path.write_bytes(b"PK\x03\x04 nothing")
    with pytest.raises(FormatError, match="checkpoint"):
        Circuit(**options).fit(images(), checkpoint=path, resume=True)


def test_fitting_stops_when_held_samples_gain_no_more() -> None:
    circuit = Circuit(
        states=16, epochs=300, full=0, batch=100, held=0.3, patience=3, threads=2,
        smoothing=1e-3, transition_smoothing=1e-3,
    ).fit(images()[:100])  # fmt: skip
    held = [each.held_bits_per_dimension for each in circuit.history]
    assert len(held) < 300
    assert min(held[-3:]) >= min(held[:-3])


def test_pruning_keeps_what_flows_and_growing_keeps_what_is_said() -> None:
    circuit = Circuit(states=4, epochs=10, full=0, held=0, threads=2).fit(images())
    weights = circuit.weights
    assert weights is not None
    samples, _ = samples_of(images())
    engine = em.Engine(weights, np.zeros(20, np.int64), 2)
    found = engine.flows(samples)
    flows = found.transitions.copy()
    assert flows.sum() == pytest.approx(20 * 600, rel=1e-4)
    # All that samples cost, but for the choice of the root's state.
    costs = sparse.costs_of(weights, found)
    expected = (found.emissions * np.log(weights.emissions)).sum()
    expected += (flows * np.log(weights.transitions))[4:].sum()
    assert costs.shape == (80,)
    assert costs.sum() == pytest.approx(-expected, rel=1e-4)
    pruned = sparse.prune(weights, flows, 0.5)
    assert 0.3 * len(weights.targets) < len(pruned.targets) < 0.65 * len(weights.targets)
    np.testing.assert_allclose(
        np.add.reduceat(pruned.transitions, pruned.row_edges[:-1]), 1, rtol=1e-5
    )
    before = circuit_of(weights).log_likelihood(samples).mean()
    assert circuit_of(pruned).log_likelihood(samples).mean() > before - 2
    grown = sparse.grow(pruned, np.ones(pruned.tree.states.sum(), np.float32), 1.0, 0.0, 0)
    assert np.array_equal(grown.tree.states, 2 * pruned.tree.states)
    np.testing.assert_allclose(
        circuit_of(grown).log_likelihood(samples),
        circuit_of(pruned).log_likelihood(samples),
        rtol=1e-4,
    )
    half = sparse.grow(pruned, np.ones(pruned.tree.states.sum(), np.float32), 0.5, 0.1, 0)
    assert half.tree.states.sum() == pytest.approx(1.5 * pruned.tree.states.sum(), abs=1)
    file.read(file.write(file.quantize(half, {})))


def test_unreachable_states_go() -> None:
    tree = Tree.of([-1, 0, 1], [2, 3, 2], [0, 1, 2], [2, 2, 2])
    weights = drawn(tree)
    flows = np.ones(len(weights.targets), np.float32)
    matrices = [weights.transition_matrix(node) for node in range(3)]
    flows[2 + 2] = flows[2 + 5] = 0  # what leads to the last state of node 1
    pruned = sparse.prune(weights, flows, 2.5 / len(flows))
    assert pruned.tree.states.tolist() == [2, 2, 2]
    kept = matrices[1][:, :2]
    np.testing.assert_allclose(
        pruned.transition_matrix(1), kept / kept.sum(axis=1, keepdims=True), rtol=1e-6
    )
    np.testing.assert_allclose(pruned.transition_matrix(2), matrices[2][:2], rtol=1e-6)
    np.testing.assert_allclose(pruned.emission_matrix(1), weights.emission_matrix(1)[:2])


@pytest.mark.parametrize("most", [1, 2, 5, 12, 40])
def test_shapes_are_distributions_that_cover_all_values(most: int) -> None:
    counts = np.array([900, 0, 3, 5, 4, 7, 0, 0, 6, 5, 3, 2, 500, 4, 4, 3, 2, 300.0])
    tables = shapes.tables_of(counts, most)
    assert len(tables) <= max(most, 1) + 3
    np.testing.assert_allclose(tables.sum(axis=1), 1, rtol=1e-5)
    assert (tables.sum(axis=0) > 0).all()
    if most >= 5:
        alone = (tables > 0).sum(axis=1) == 1
        assert {0, 12, 17} <= set(tables[alone].argmax(axis=1).tolist())
    # Those of a variable come as close to its values as its shapes can.
    usual = shapes.usual_shares(tables, (counts[None] / counts.sum()).astype(np.float32))
    np.testing.assert_allclose((usual @ tables)[0, 0], counts[0] / counts.sum(), rtol=1e-2)


def test_shares_of_shapes_never_make_samples_less_likely() -> None:
    weights = pruned_with_shapes(ALIKE)
    samples = np.random.default_rng(3).binomial(4, 0.3, (300, 4)).astype(np.uint8)
    smoothing = em.Smoothing.of(
        samples, ALIKE.categories, transitions=0.0, emissions=1.0, reach=0.0
    )
    assert weights.shapes is not None
    usual = np.full((4, len(weights.shapes.tables)), 0.1, np.float32)
    smoothing = replace(smoothing, shapes=1e-6, usual=usual)
    engine = em.Engine(weights, smoothing.modes, 1)
    found = []
    for _ in range(15):
        flows = engine.flows(samples)
        found.append(flows.log_likelihood)
        em.maximize(weights, flows, smoothing)
        np.testing.assert_allclose(
            weights.emissions, weights.shapes.emissions(weights.tree), rtol=1e-4
        )
    assert (np.diff(found) > -1e-4).all()
    assert found[-1] > found[0] + 0.1


def test_shapes_stay_through_rounds_and_checkpoints(tmp_path: Path) -> None:
    path = tmp_path / "checkpoint"
    options: dict[str, Any] = {
        "states": 3, "epochs": 2, "full": 0, "rounds": 1, "round_epochs": 3, "last_epochs": 2,
        "emission": "shapes", "shapes": 3, "moved": 0.5, "threads": 1, "grow": 0.5,
    }  # fmt: skip
    circuit = Circuit(**options).fit(images(), checkpoint=path)
    assert circuit.weights is not None
    assert circuit.weights.shapes is not None
    assert len(circuit.history) == 2
    np.testing.assert_allclose(
        circuit.weights.emissions,
        circuit.weights.shapes.emissions(circuit.weights.tree),
        rtol=1e-4,
    )
    again = Circuit(**options).fit(images(), checkpoint=path, resume=True)
    assert again.to_bytes() == circuit.to_bytes()
    with pytest.raises(ValueError, match="equally many"):
        Circuit(emission="shapes", categories="each").fit(np.array([[0, 1], [1, 2]]))
    with pytest.raises(ValueError, match="emissions are"):
        Circuit(emission="forms").fit(images())


def test_samples_are_moved_by_one_step() -> None:
    samples = np.arange(2 * 3 * 4).reshape(2, 3, 4)
    found = trainer.moved(samples, 0.0, np.random.default_rng(0))
    assert np.array_equal(found, samples)
    many = np.tile(samples[:1], (400, 1, 1))
    seen = {each.tobytes() for each in trainer.moved(many, 1.0, np.random.default_rng(0))}
    expected = set()
    for down in (-1, 0, 1):
        for right in (-1, 0, 1):
            rows = np.clip(np.arange(3) - down, 0, 2)
            columns = np.clip(np.arange(4) - right, 0, 3)
            expected.add(samples[0][rows][:, columns].tobytes())
    assert seen == expected


def test_rounds_end_with_more_states() -> None:
    circuit = Circuit(
        states=3, epochs=3, full=0, rounds=2, round_epochs=2, prune=0.3, grow=1.0, threads=2
    ).fit(images())
    assert circuit.weights is not None
    assert 3 < circuit.weights.tree.states.mean() <= 12
    assert np.isfinite(circuit.log_likelihood(images())).all()


@pytest.mark.parametrize("bits", [8, 12, 16])
def test_files_keep_the_circuit(bits: int, tmp_path: Path) -> None:
    circuit = Circuit(states=4, epochs=5, full=0, threads=2).fit(images())
    weights = circuit.weights
    assert weights is not None
    flows = np.linspace(0, 1, len(weights.targets)).astype(np.float32)
    circuit.weights = sparse.prune(weights, flows, 0.3)
    path = tmp_path / "small.circuit"
    circuit.save(path, bits=bits)
    loaded = Circuit.load(path)
    assert loaded.shape == (4, 5)
    assert loaded.card == circuit.card
    assert loaded.card["samples"] == "600"
    assert loaded.num_edges == circuit.num_edges
    assert loaded.to_bytes(bits=bits) == path.read_bytes()
    gap = loaded.bits_per_dimension(images()) - circuit.bits_per_dimension(images())
    assert abs(gap) < 2.0 ** (6 - bits)
    stored = file.read(path.read_bytes())
    assert stored.emissions.min() == 1 or bits > 8
    assert stored.transitions.max() == (1 << bits) - 1


def test_weights_are_integers_over_the_sum_of_their_row() -> None:
    tree = Tree.of([-1], [2], [0], [3])
    stored = file.Quantized.dense(
        tree, np.array([3, 0], np.uint16), np.array([1, 2, 4, 5, 1, 1], np.uint16), {}
    )
    weights = file.read(file.write(stored)).weights()
    assert weights.transition_matrix(0).tolist() == [[1, 0]]
    one = np.float32(1)
    assert weights.emission_matrix(0)[0].tolist() == [one / 7, 2 * one / 7, 4 * one / 7]


def test_the_file_is_a_safetensors_file() -> None:
    load = pytest.importorskip("safetensors.numpy").load
    stored = file.quantize(drawn(TREE), {"shape": "4"})
    tensors = load(file.write(stored))
    assert tensors["parents"].dtype == np.int32
    assert tensors["transitions"].dtype == np.uint16
    assert np.array_equal(tensors["emissions"], stored.emissions)


def _file(weights: Weights | None = None, **changes: Any) -> bytes:
    stored = file.quantize(drawn(TREE) if weights is None else weights, {"shape": "4"})
    return file.pack(file.tensors_of(stored) | changes, stored.card)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"parents": np.array([-1, 0, 0, 3, 2, 2])}, "hangs on node 3"),
        ({"parents": np.array([-1, 0, 0, -1, 2, 2])}, "hangs on node -1"),
        ({"parents": np.array([0, 0, 0, 2, 2, 2])}, "root"),
        ({"states": np.array([3, 2, 4, 3, 1, 0])}, "states"),
        ({"states": np.array([3, 2, 4, 3, 1, 1025])}, "states"),
        ({"states": np.array([3, 2, 4, 3, 1])}, "states"),
        ({"states": np.array([3, 2, 4, 3, 1, 3])}, "transitions"),
        ({"variables": np.array([1, 0, -1, 2, 2, -1])}, "observed at one node"),
        ({"variables": np.array([1, 0, -1, 2, 4, -1])}, "observed at one node"),
        ({"categories": np.array([2, 3, 4, 257])}, "values"),
        ({"categories": np.array([2, 3, 4, 3])}, "emissions"),
        ({"transitions": np.zeros(3 + 6 + 12 + 12 + 4 + 8, np.uint16)}, "without weight"),
        ({"transitions": np.ones(3, np.uint16)}, "transitions"),
        ({"emissions": np.zeros(9 + 4 + 12 + 2, np.uint16)}, "without weight"),
    ],
)
def test_files_of_no_circuit_are_refused(changes: dict[str, Any], words: str) -> None:
    with pytest.raises(FormatError, match=words):
        file.read(_file(**changes))


def _sparse_tensors() -> dict[str, Any]:
    return dict(file.tensors_of(file.quantize(pruned_with_shapes(ALIKE), {})))


def test_edges_and_shapes_are_stored_where_that_is_smaller() -> None:
    assert set(_sparse_tensors()) >= {"counts", "targets", "shapes", "shares"}
    whole = file.tensors_of(file.quantize(drawn(TREE), {}))
    assert "targets" not in whole
    assert b'"version":"1"' in file.pack(whole, {})
    weights = pruned_with_shapes(ALIKE)
    stored = file.quantize(weights, {"shape": "4"})
    assert b'"version":"2"' in file.write(stored)
    read = file.read(file.write(stored))
    assert file.write(read) == file.write(stored)
    assert file.write(file.quantize(read.weights(), stored.card)) == file.write(stored)
    # The same circuit with all zeros there, as version 1 has it.
    dense = file.Quantized.dense(stored.tree, stored.whole_rows(), stored.emissions, stored.card)
    assert np.array_equal(dense.targets, stored.targets)
    assert np.array_equal(dense.transitions, stored.transitions)
    samples = np.random.default_rng(1).integers(0, 5, (50, 4)).astype(np.uint8)
    np.testing.assert_allclose(
        circuit_of(read.weights()).log_likelihood(samples),
        circuit_of(weights).log_likelihood(samples),
        rtol=1e-3,
    )


def test_what_a_shape_has_of_a_value_is_a_sum_of_products_of_integers() -> None:
    tree = Tree.of([-1], [2], [0], [3])
    table = np.array([[1, 2, 0], [0, 3, 4]], np.uint16)
    stored = replace(
        file.Quantized.dense(tree, np.array([3, 1], np.uint16), np.array([5, 7, 1, 1]), {}),
        emissions=np.array([5, 7, 1, 1], np.uint16),
        shapes=table,
    )
    weights = file.read(file.write(stored)).weights()
    sums = np.array([[5, 31, 28], [1, 5, 4]], np.float32)
    assert np.array_equal(weights.emission_matrix(0), sums / sums.sum(axis=1, keepdims=True))
    assert weights.shapes is not None
    one = np.float32(1)
    assert weights.shapes.matrix(tree, 0).T.tolist() == [[5 * one / 12, 7 * one / 12], [0.5, 0.5]]


@pytest.mark.parametrize(
    ("name", "change", "words"),
    [
        ("counts", lambda x: x * 0, "edges in each"),
        ("counts", lambda x: x[:-1], "edges in each"),
        ("counts", lambda x: x + 1, "edges"),
        ("targets", lambda x: x[:-1], "edges"),
        ("targets", lambda x: x + 9, "not there"),
        ("targets", lambda x: x * 0, "in order"),
        ("transitions", lambda x: x * 0, "without weight"),
        ("transitions", lambda x: x[:-1], "edges"),
        ("shares", lambda x: x * 0, "without weight"),
        ("shares", lambda x: x[:-1], "emissions"),
        ("shapes", lambda x: x[:-1], "shapes of 5 values"),
        ("shapes", lambda x: x[:0], "other values"),
        ("shapes", lambda x: x * 0, "no shape"),
        ("categories", lambda x: x - np.arange(4), "other values"),
    ],
)
def test_wrong_edges_and_shapes_are_refused(name: str, change: Any, words: str) -> None:
    tensors = _sparse_tensors()
    if name == "targets":
        # A row of two edges, of which the second must lead further.
        assert (tensors["counts"] > 1).any()
    data = file.pack(tensors | {name: change(tensors[name])}, {"shape": "4"})
    with pytest.raises(FormatError, match=words):
        file.read(data)


def test_half_of_what_version_2_needs_is_refused() -> None:
    tensors = _sparse_tensors()
    for name in ("counts", "targets", "shapes", "shares"):
        rest = {key: value for key, value in tensors.items() if key != name}
        with pytest.raises(FormatError, match="tensors are"):
            file.read(file.pack(rest, {"shape": "4"}))


@pytest.mark.parametrize("weights", [None, pruned_with_shapes(ALIKE)])
def test_damaged_files_are_refused_or_are_circuits(weights: Weights | None) -> None:
    data = _file(weights)
    for size in range(len(data)):
        with pytest.raises(FormatError):
            file.read(data[:size])
    with pytest.raises(TruncatedError):
        file.read(data[:-1])
    with pytest.raises(FormatError, match="no tensor"):
        file.read(data + b"\0\0")
    generator = np.random.default_rng(0)
    for at in range(0, len(data), 3):
        damaged = bytearray(data)
        damaged[at] ^= int(generator.integers(1, 256))
        try:
            found = Circuit.from_bytes(bytes(damaged))
        except FormatError:
            continue
        assert np.isfinite(found.log_likelihood(np.zeros((1, *found.shape), np.uint8)))


@pytest.mark.parametrize("shape", ["5", "2,1", "a", "", "-4", "4," * 40, "9" * 5000])
def test_shapes_that_are_not_those_of_the_variables(shape: str) -> None:
    stored = file.quantize(drawn(TREE), {"shape": shape})
    with pytest.raises(FormatError, match="shape"):
        Circuit.from_bytes(file.write(stored))


@pytest.mark.parametrize(
    ("array", "words"),
    [
        (np.zeros((0, 3), np.uint8), "no samples"),
        (np.zeros((3, 0), np.uint8), "no variables"),
        (np.uint8(3), "one number"),
        (np.array([[1.5, 2]]), "fraction"),
        (np.array([[np.nan, 2]]), "not finite"),
        (np.array([[np.inf, 2]]), "not finite"),
        (np.array([[-1, 2]]), "from -1 to 2"),
        (np.array([[256, 2]]), "from 2 to 256"),
    ],
)
def test_arrays_of_no_samples(array: Any, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        samples_of(array)


def test_arrays_of_no_numbers_and_of_too_many() -> None:
    with pytest.raises(TypeError, match="integers"):
        samples_of(np.array([["a"]]))
    with pytest.raises(LimitError, match="too many"):
        samples_of(np.broadcast_to(np.uint8(0), (1, 1 << 21)))
    whole, shape = samples_of([[1.0, 2.0]])
    assert whole.dtype == np.uint8
    assert shape == (2,)
    assert samples_of(np.array([True, False]))[1] == (1,)


def test_categories_are_checked() -> None:
    samples = np.array([[0, 3], [1, 2]], np.uint8)
    assert categories_of(samples, "shared").tolist() == [4, 4]
    assert categories_of(samples, "each").tolist() == [2, 4]
    assert categories_of(samples, 9).tolist() == [9, 9]
    assert categories_of(samples, [2, 5]).tolist() == [2, 5]
    for wrong in ("other", 3, 257, 0, [2, 3], [2, 4, 4], [0.5, 4]):
        with pytest.raises(ValueError, match=r"categories|values"):
            categories_of(samples, wrong)  # type: ignore[arg-type]


@pytest.mark.parametrize("kind", ["chow-liu", "split", "chain"])
def test_one_sample_and_one_variable(kind: str) -> None:
    options: dict[str, Any] = dict(states=2, structure=kind, epochs=2, threads=1)
    one = Circuit(**options).fit(np.full((1, 3), 2, np.uint8))
    assert one.sample(3).shape == (3, 3)
    single = Circuit(**options).fit(np.array([3, 3, 3, 1]))
    assert single.shape == (1,)
    shares = np.exp(single.log_likelihood(np.arange(4)))
    assert shares.sum() == pytest.approx(1, abs=1e-5)
    assert shares.argmax() == 3


def test_questions_that_cannot_be_answered() -> None:
    circuit = Circuit(states=2)
    with pytest.raises(ValueError, match="not fitted"):
        circuit.log_likelihood(images())
    circuit = circuit_of(drawn(TREE))
    sample = np.zeros((1, 4), np.uint8)
    with pytest.raises(ValueError, match="shape"):
        circuit.log_likelihood(np.zeros((1, 5), np.uint8))
    with pytest.raises(ValueError, match="variable 3 never has"):
        circuit.log_likelihood(sample + np.array([0, 0, 0, 2]))
    with pytest.raises(ValueError, match="mask"):
        circuit.marginal(sample, np.zeros((1, 3), np.bool_))
    with pytest.raises(ValueError, match="not missing"):
        circuit.conditional(sample, np.zeros((1, 4), np.bool_), 2)
    with pytest.raises(ValueError, match="from 0 to 3"):
        circuit.conditional(sample, np.ones((1, 4), np.bool_), 4)
    with pytest.raises(ValueError, match="bits"):
        circuit.to_bytes(bits=17)
    with pytest.raises(ValueError, match="at least 1"):
        circuit.sample(0)
    with pytest.raises(ValueError, match="structures are"):
        Circuit(structure="ring").fit(images())
    with pytest.raises(ValueError, match="held back"):
        Circuit(held=1.0).fit(images())


def test_torch_makes_the_same_passes() -> None:
    pytest.importorskip("torch", reason="torch is not installed")
    device: Any = importlib.import_module("lmcodec.circuit.device")
    weights = drawn(TREE, 3)
    flows = np.linspace(0, 1, len(weights.targets)).astype(np.float32)
    weights = sparse.prune(weights, flows, 0.3)
    samples = all_samples(TREE).astype(np.int16)
    samples[::3, 2] = -1
    other = device.TorchEngine(weights, "cpu")
    engine = em.Engine(weights, np.zeros(4, np.int64), 2)
    np.testing.assert_allclose(
        other.log_likelihoods(samples), engine.log_likelihoods(samples), rtol=1e-5
    )
    first, second = engine.flows(samples), other.flows(samples)
    np.testing.assert_allclose(second.transitions, first.transitions, rtol=1e-3, atol=1e-4)
    np.testing.assert_allclose(second.emissions, first.emissions, rtol=1e-3, atol=1e-4)
    assert second.log_likelihood == pytest.approx(first.log_likelihood, rel=1e-5)

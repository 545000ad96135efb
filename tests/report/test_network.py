"""The drawing of a network, from its file alone."""

import keras
from keras_tuner import HyperParameters

import autoai4eo as ae
from autoai4eo.report.network import blocks_of, links, read_layers


def saved(model, tmp_path):
    path = tmp_path / "model.keras"
    model.save(path)
    return read_layers(path)


def two_stems():
    inputs = [keras.Input((8, 8, c), name=n) for n, c in (("sen1", 2), ("sen2", 4))]
    stems = [
        keras.layers.Conv2D(6, 3, 2, padding="same", name=f"stem_{i}_conv")(x * 2.0)
        for i, x in enumerate(inputs, 1)
    ]
    x = keras.layers.Concatenate(name="fusion_1_merge")(stems)
    x = keras.layers.GlobalAveragePooling2D(name="head_1_pool")(x)
    return keras.Model(
        inputs, keras.layers.Dense(3, activation="softmax", name="head_1")(x)
    )


def test_blocks_stand_in_rows_from_inputs_to_output(tmp_path):
    rows = blocks_of(saved(two_stems(), tmp_path))
    assert [[block.name for block in row] for row in rows] == [
        ["sen1", "sen2"],
        ["stem_1", "stem_2"],
        ["fusion_1"],
        ["head_1"],
    ]
    assert rows[-1][0].kind == "output"
    first, *_ = links(rows)
    assert first == [(0.25, 0.25), (0.75, 0.75)]


def test_shapes_and_settings_are_those_of_keras(tmp_path):
    model = two_stems()
    layers = saved(model, tmp_path)
    known = {operation.name: operation for operation in model.operations}
    for layer in layers:
        expected = known[layer.name].output.shape
        assert layer.shape == "×".join(map(str, expected[1:]))
    (stem,) = (b for row in blocks_of(layers) for b in row if b.name == "stem_2")
    assert stem.lines == [("", "conv 3×3 6 filters stride 2", "4×4×6")]


def test_the_finalist_of_a_search_is_drawn(searched):
    layers = read_layers(searched.run / "best" / "model.keras")
    names = {layer.name for row in blocks_of(layers) for b in row for layer in b.layers}
    assert names == {layer.name for layer in layers}
    model = searched.export_model()
    assert {operation.name for operation in model.operations} == names


def test_networks_with_keras_own_names_are_one_block(tmp_path):
    inputs = keras.Input((32, 32, 3))
    x = keras.layers.Conv2D(4, 3)(inputs)
    x = keras.layers.ReLU()(x)
    x = keras.layers.GlobalMaxPooling2D()(x)
    model = keras.Model(inputs, keras.layers.Dense(2)(x))
    rows = blocks_of(saved(model, tmp_path))
    assert [len(row[0].layers) for row in rows] == [1, 4]


def test_a_network_that_is_no_graph_is_not_drawn(tmp_path):
    model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(2)])
    assert saved(model, tmp_path) == []


def test_cells_of_a_decoder_tell_what_they_merge(tmp_path):
    """Users rely on: the found pyramid can be built again from the page."""
    inputs = [keras.Input((size, size, 3)) for size in (16, 8, 4)]
    levels = [
        keras.layers.Conv2D(4, 3, padding="same", name=f"pyramid_1_level{i}_conv")(x)
        for i, x in enumerate(inputs, 1)
    ]
    cells = [
        ae.blocks.MergingCell(1, 0, 1, "attention"),
        ae.blocks.MergingCell(0, 3, 0, "concat"),
        ae.blocks.MergingCell(4, 1, 2, "sum"),
    ]
    block = ae.blocks.NASFPNBlock(
        name="decoder_1_nasfpn", cells=cells, channels=8, repeats=1, separable=False
    )
    model = keras.Model(inputs, block.build(HyperParameters(), levels))
    model.save(tmp_path / "m.keras")
    rows = blocks_of(read_layers(tmp_path / "m.keras"))
    (decoder,) = rows[-1]
    told = {part: (words, shape) for part, words, shape in decoder.lines}
    cell = "nasfpn pyramid1 cell"
    words, shape = told[f"{cell}1"]
    assert "product" in words and "3×3 8 filters of lateral2 and lateral1" in words
    assert shape == "8×8×8"
    assert told[f"{cell}2"][0].endswith("of pyramid1 cell1 and lateral1")
    assert "concatenate" in told[f"{cell}2"][0]
    assert {*told[f"{cell}3"][0].partition(" of ")[2].split(" and ")} == {
        "lateral2",
        "pyramid1 cell2",
    }
    assert told["nasfpn lateral2"][0].endswith("of level2")

"""Calls as AutoKeras's users write them; its image tutorials with both packages.

The tutorials (autokeras.com: image classification, image regression, export, load from
disk, customized model) are written anew, on small images and with small networks.
"""

import autokeras as ak
import keras
import keras_tuner
import numpy as np
import pytest
import small
import tensorflow as tf

import autoai4eo as ae
from autoai4eo.errors import UserError
from autoai4eo.learning.registry import task_of
from autoai4eo.tasks.graph_data import with_number

pytestmark = pytest.mark.usefixtures("in_process")
#: Greyscale pictures of 8 bits, as MNIST's: the class is the place of a bright bar.
LABELS = np.arange(48) % 3
PICTURES = np.random.default_rng(0).integers(0, 60, (48, 12, 12)).astype("uint8")
for number, label in enumerate(LABELS):
    PICTURES[number, 4 * label : 4 * label + 4] += 150
NAMES = np.array(["lake", "road", "wood"])[LABELS]
ONE_HOT = np.eye(3)[LABELS]
tensors = tf.data.Dataset.from_tensor_slices


def largest_error(y_true, y_pred):
    return keras.ops.max(keras.ops.abs(y_true - y_pred), axis=-1)


class Pairs(keras.utils.PyDataset):
    """Batches of 16 pictures with names."""

    def __len__(self):
        return 3

    def __getitem__(self, i):
        return PICTURES[16 * i : 16 * i + 16], NAMES[16 * i : 16 * i + 16]


@pytest.fixture(scope="module")
def fitted(tmp_path_factory):
    """A search by names of classes, with a loss and metrics in AutoKeras's words."""
    head = ae.blocks.PooledHead(
        pooling="average",
        dropout=0.0,
        loss="categorical_crossentropy",
        metrics=["accuracy", keras.metrics.AUC(name="auc"), largest_error],
    )
    found = small.model(tmp_path_factory.mktemp("calls"), head=head, max_trials=1)
    found.fit(PICTURES, NAMES, validation_split=0.25, epochs=2, verbose=0)
    return found


def test_names_come_back(fitted):
    names = fitted.predict(PICTURES)
    assert names.shape == (48,) and set(names) <= set(NAMES)
    probable = fitted.predict_proba(PICTURES).argmax(axis=1)
    assert (names == np.array(["lake", "road", "wood"])[probable]).all()


def test_names_come_back_in_a_new_process_and_match_numbers(fitted):
    found = small.model(fitted.directory, max_trials=1)
    assert (found.predict(PICTURES) == fitted.predict(PICTURES)).all()
    scores = fitted.evaluate(PICTURES, NAMES)
    assert scores["accuracy"] == (fitted.predict(PICTURES) == NAMES).mean()


def test_scores_by_other_metrics_are_those_of_keras(fitted):
    scores = fitted.evaluate(PICTURES, NAMES)
    model = fitted.export_model()
    model.compile(
        loss="categorical_crossentropy",
        metrics=["accuracy", keras.metrics.AUC(name="auc"), largest_error],
    )
    pixels = PICTURES[..., None].astype("float32")
    known = model.evaluate(pixels, ONE_HOT, verbose=0, return_dict=True)
    for name in ("accuracy", "auc", "largest_error"):
        assert scores[name] == pytest.approx(known[name], abs=1e-5), name


def test_other_metrics_are_columns_of_the_trials(fitted):
    columns = set(fitted.trials(all=True).columns)
    assert {"val_auc", "val_largest_error", "val_accuracy"} <= columns


def test_a_stream_is_predicted_and_evaluated_as_its_arrays(fitted):
    named = tensors((PICTURES, NAMES)).batch(10)
    for stream in (named, Pairs()):
        assert (fitted.predict(stream) == fitted.predict(PICTURES)).all()
        assert fitted.evaluate(stream) == fitted.evaluate(PICTURES, NAMES)


def test_verbose_shows_keras_progress(fitted, capsys):
    fitted.predict(PICTURES, verbose=0)
    assert not capsys.readouterr().out
    fitted.predict(PICTURES, verbose=1)
    assert "2/2" in capsys.readouterr().out
    fitted.evaluate(PICTURES, NAMES, verbose=1)
    assert "2/2" in capsys.readouterr().out


def test_class_numbers_may_stop_short_of_the_last():
    found = with_number(ae.open_dataset(PICTURES, labels=LABELS), 5)
    assert found.class_names[3:] == ("class 3", "class 4")
    assert (found.labels == LABELS).all()


@pytest.mark.parametrize(
    ("labels", "number", "message"),
    [
        (LABELS, 2, "expected the 2 classes of num_classes, found 3"),
        (NAMES, 5, r"expected the 5 classes of num_classes, found 3 \(lake, road"),
    ],
)
def test_another_number_of_classes_is_refused(tmp_path, labels, number, message):
    found = ae.ImageClassifier(num_classes=number, directory=tmp_path)
    with pytest.raises(UserError, match=message):
        found.fit(PICTURES, labels, epochs=1, verbose=0)
    assert not found.run.exists()


def test_another_number_of_values_is_refused(tmp_path):
    found = ae.ImageRegressor(output_dim=2, directory=tmp_path)
    with pytest.raises(UserError, match="the 2 values of output_dim, found 1"):
        found.fit(PICTURES, LABELS, epochs=1, verbose=0)


@pytest.mark.parametrize(
    ("kind", "loss", "known"),
    [
        (ae.ImageClassifier, "categorical_crossentropy", "crossentropy"),
        (ae.ImageClassifier, None, "crossentropy"),
        (ae.ImageClassifier, "kl_divergence", None),
        (ae.ImageClassifier, keras.losses.CategoricalHinge(), None),
        (ae.ImageRegressor, "mean_squared_error", "mse"),
        (ae.ImageRegressor, "gaussian", "gaussian"),
        (ae.ImageSegmenter, "categorical_focal_crossentropy", "focal"),
    ],
)
def test_a_loss_has_the_name_that_keras_or_we_give_it(tmp_path, kind, loss, known):
    found = kind(loss=loss, directory=tmp_path)
    y = (PICTURES > 100).astype(int) if kind is ae.ImageSegmenter else LABELS
    graph, train = found.search_space(PICTURES, y)
    if known is None:
        assert graph.loss is loss
        return
    expected = task_of(train.target).loss(known, train.targets)
    assert type(graph.loss) is type(expected)
    assert getattr(graph.loss, "kind", None) == getattr(expected, "kind", None)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"loss": "sparse_categorical_crossentropy"}, "one-hot"),
        ({"loss": keras.losses.SparseCategoricalCrossentropy()}, "one-hot"),
        ({"loss": "mse or so"}, "loss: expected one of crossentropy, focal"),
        ({"metrics": ["exactness"]}, "metrics: expected Keras metrics or their names"),
    ],
)
def test_what_keras_does_not_know_is_refused_at_once(arguments, message):
    with pytest.raises(UserError, match=message):
        ae.ImageClassifier(**arguments)


# Stock AutoKeras and KerasTuner call what Python, NumPy and Keras deprecate.
both = [
    pytest.mark.slow,
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),
    pytest.mark.filterwarnings("ignore::UserWarning"),
]


def with_marks(function):
    for mark in both:
        function = mark(function)
    return function


def small_block():
    return ak.ConvBlock(
        kernel_size=3,
        num_blocks=1,
        num_layers=1,
        filters=8,
        max_pooling=True,
        separable=False,
        dropout=0.0,
    )


def graphs(folder, head, **arguments):
    """The tutorial's customized model, AutoKeras's and ours, of the same blocks."""
    made = []
    for library, node in ((ak, ak.ImageInput()), (ae, ae.ImageInput())):
        features = ak.Normalization()(node)
        features = ak.ImageAugmentation(horizontal_flip=False)(features)
        first, second = small_block()(features), small_block()(features)
        features = ak.Merge(merge_type="concatenate")([first, second])
        made.append(
            library.AutoModel(
                node,
                head()(features),
                max_trials=1,
                overwrite=True,
                directory=folder / library.__name__,
                **arguments,
            )
        )
    return made


@with_marks
def test_the_tutorial_of_image_classification(tmp_path):
    answers = []
    for library in (ak, ae):
        clf = library.ImageClassifier(
            num_classes=3,
            metrics=["accuracy", keras.metrics.AUC(name="auc")],
            max_trials=1,
            overwrite=True,
            directory=tmp_path / library.__name__,
        )
        clf.fit(PICTURES, NAMES, epochs=1, validation_split=0.25, verbose=0)
        answers.append(
            (clf.predict(PICTURES, verbose=0), clf.evaluate(PICTURES, NAMES, verbose=0))
        )
        model = clf.export_model()
        model.save(tmp_path / "model.keras")
        loaded = keras.models.load_model(tmp_path / "model.keras")
        bands = model.input_shape[3:]
        pixels = PICTURES.reshape(*PICTURES.shape, *bands).astype("float32")
        assert loaded.predict(pixels, verbose=0).shape == (48, 3)
    (names, scores), (ours, found) = answers
    assert names.shape == (48, 1) and ours.shape == (48,)
    assert {*names[:, 0]} | {*ours} <= {*NAMES}
    _, *values = scores
    assert len(values) == len({"accuracy", "auc"} & found.keys())


@with_marks
@pytest.mark.parametrize("encoded", ["numbers", "one-hot"])
def test_the_customized_model_of_the_tutorial(tmp_path, encoded):
    labels = {"numbers": LABELS, "one-hot": ONE_HOT}[encoded]
    shapes = {"numbers": (48, 1), "one-hot": (48, 3)}
    stock, ours = graphs(tmp_path, ak.ClassificationHead)
    for model in (stock, ours):
        model.fit(
            PICTURES[:36],
            labels[:36],
            validation_data=(PICTURES[36:], labels[36:]),
            epochs=1,
            verbose=0,
        )
    assert stock.predict(PICTURES, verbose=0).shape == shapes[encoded]
    numbers = ours.predict(PICTURES)
    assert numbers.shape == (48,) and {*numbers} <= {0, 1, 2}
    assert len(stock.evaluate(PICTURES, labels, verbose=0)) == 2  # loss and accuracy
    assert 0 <= ours.evaluate(PICTURES, labels)["accuracy"] <= 1
    assert ours.export_model().output_shape == stock.export_model().output_shape


@with_marks
def test_the_tutorial_of_image_regression(tmp_path):
    stock, ours = graphs(tmp_path, ak.RegressionHead)
    for model in (stock, ours):
        model.fit(PICTURES, LABELS.astype(float), epochs=1, verbose=0)
    values = stock.predict(PICTURES, verbose=0)
    assert values.shape == ours.predict(PICTURES).shape == (48, 1)
    scores = ours.evaluate(PICTURES, LABELS.astype(float))
    _, error = stock.evaluate(PICTURES, LABELS.astype(float), verbose=0)
    assert error == pytest.approx(((values[:, 0] - LABELS) ** 2).mean(), rel=1e-4)
    mean = ((ours.predict(PICTURES)[:, 0] - LABELS) ** 2).mean()
    assert scores["rmse"] ** 2 == pytest.approx(mean, rel=1e-4)


@with_marks
def test_images_from_disk_and_a_generator_as_in_the_tutorial(tmp_path):
    for number, name in enumerate(NAMES):
        folder = tmp_path / "pictures" / name
        folder.mkdir(parents=True, exist_ok=True)
        keras.utils.save_img(folder / f"{number}.png", PICTURES[number][..., None])
    data = keras.utils.image_dataset_from_directory(
        tmp_path / "pictures", image_size=(12, 12), batch_size=4, color_mode="grayscale"
    )

    def pairs():
        yield from zip(PICTURES[..., None], LABELS > 0, strict=True)

    spec = tf.TensorSpec((12, 12, 1), tf.float32), tf.TensorSpec((), tf.float32)
    made = tf.data.Dataset.from_generator(pairs, output_signature=spec).batch(10)
    for stream, classes in ((data.take(10), 3), (made, 2)):
        clf = small.model(tmp_path, overwrite=True, max_trials=1)
        clf.fit(x=stream, validation_data=stream, epochs=1, verbose=0)
        assert clf.predict_proba(stream).shape[1] == classes
        assert 0 <= clf.evaluate(stream)["accuracy"] <= 1


def test_the_normalization_of_autokeras_has_the_statistics_of_the_bands(tmp_path):
    # without them it passes pixels on as they are
    _, ours = graphs(tmp_path, ak.ClassificationHead)
    graph, _ = ours.search_space(PICTURES, LABELS)
    (layer,) = (
        layer
        for layer in graph.build(keras_tuner.HyperParameters()).layers
        if isinstance(layer, keras.layers.Normalization)
    )
    assert np.asarray(layer.mean).item() == pytest.approx(PICTURES.mean(), rel=1e-4)
    assert np.asarray(layer.variance).item() == pytest.approx(PICTURES.var(), rel=1e-3)


def test_stock_autokeras_takes_no_streams(tmp_path):
    # if it does again, docs/autokeras.md says so
    stock = ak.AutoModel(
        ak.ImageInput(), ak.ClassificationHead(), directory=tmp_path, max_trials=1
    )
    with pytest.raises(ValueError, match="numpy array"):
        stock.fit(tensors((PICTURES, LABELS)).batch(10), epochs=1, verbose=0)


def test_several_heads_are_refused_where_the_graph_is_made():
    """Users rely on: whatever the labels of AutoKeras's call are."""
    pixels = ae.ImageInput()
    found = ak.ConvBlock()(pixels)
    heads = [ak.ClassificationHead()(found), ak.RegressionHead()(found)]
    with pytest.raises(UserError, match=r"one classification, .* head, got 2; make an"):
        ae.AutoModel(pixels, heads)

"""Data that are judged or predicted are matched to the training data by name."""

import numpy as np
import pytest
import rasterio
import small

import autoai4eo as ae
from autoai4eo.errors import UserError

pytestmark = [
    pytest.mark.usefixtures("in_process"),
    pytest.mark.filterwarnings("ignore::rasterio.errors.NotGeoreferencedWarning"),
]
#: The band that is bright in a class.
BRIGHT = {"Forest": "B02", "Pasture": "B03", "River": "B08"}
BANDS = ("B02", "B03", "B08")


def image(path, bright, bands=BANDS, seed=0, scale=1, nodata=None):
    rng = np.random.default_rng(seed)
    pixels = np.stack([np.full((8, 8), 0.8 if b == bright else 0.1) for b in bands])
    pixels += rng.normal(0, 0.05, pixels.shape)
    path.parent.mkdir(parents=True, exist_ok=True)
    with rasterio.open(
        path,
        "w",
        driver="GTiff",
        height=8,
        width=8,
        count=len(bands),
        dtype="float32",
        nodata=nodata,
    ) as file:
        if nodata is not None:
            pixels[:, :4] = nodata
        file.write((scale * pixels).astype("float32"))
        file.descriptions = bands
    return path


def folder(root, classes, each=12, **how):
    for name in classes:
        for i in range(each):
            image(root / name / f"{i}.tif", BRIGHT.get(name), seed=i, **how)
    return root


def fit(root, judged_on):
    node = ae.ImageInput("image")
    head = ae.blocks.PooledHead(pooling="average", dropout=0.0)
    model = ae.AutoModel(
        node,
        head(small.TinyBlock()(node)),
        directory=root,
        project_name="run",
        max_trials=1,
        seed=0,
        tuner="random",
    )
    model.fit(
        folder(root / "train", BRIGHT),
        # in another order of bands
        validation_data=folder(root / "val", judged_on, bands=BANDS[::-1]),
        epochs=15,
        batch_size=8,
        references=False,
        verbose=0,
    )
    return model


@pytest.fixture(scope="module")
def fitted(tmp_path_factory, in_process):
    """A network that tells the three classes apart."""
    return fit(tmp_path_factory.mktemp("folders"), BRIGHT)


def test_candidates_are_judged_by_the_right_classes(tmp_path):
    with pytest.warns(UserWarning, match="no validation samples of Pasture"):
        model = fit(tmp_path, ["River", "Forest"])
    # by their numbers River would have been Pasture: a kappa of 0.5 at most
    assert model.trials()["val_cohen_kappa"].max() == 1


@pytest.mark.filterwarnings("ignore:.*unlike the training data")
def test_evaluate_matches_classes_and_bands_by_name(fitted, tmp_path):
    there = folder(tmp_path / "x", ["Pasture", "River"], bands=BANDS[::-1])
    scores = fitted.evaluate(there)
    assert scores["accuracy"] == 1 and scores["absent_classes"] == ["Forest"]
    assert scores["per_class"]["River"]["support"] == 12
    assert fitted.evaluate(folder(tmp_path / "y", ["River"]))["accuracy"] == 1
    assert fitted.evaluate(ae.open_dataset(there))["accuracy"] == 1


def test_unknown_classes_are_refused(fitted, tmp_path):
    there = folder(tmp_path, ["Forest", "Water"])
    with pytest.raises(
        UserError, match=r"classes Forest, Pasture, River, found .*Water"
    ):
        fitted.evaluate(there)
    with pytest.raises(UserError, match="unknown: Water"):
        fitted.evaluate(ae.open_dataset(there))


def test_plain_images_are_predicted_in_the_order_of_their_names(fitted, tmp_path):
    for i, bright in enumerate(("B08", "B02", "B03")):
        image(tmp_path / f"{i}.tif", bright)
    assert fitted.predict(tmp_path).tolist() == [2, 0, 1]
    with pytest.raises(UserError, match="expected labelled samples"):
        fitted.evaluate(tmp_path)


def test_prediction_leaves_no_sample_out(fitted, tmp_path):
    folder(tmp_path, ["Forest", "River"], each=1)
    image(tmp_path / "beside.tif", "B03")
    assert fitted.predict(tmp_path).tolist() == [0, 2, 1]  # Forest, River, beside


def test_other_units_are_reported(fitted, tmp_path):
    there = folder(tmp_path, ["Forest", "River", "Pasture"], scale=10_000)
    with pytest.warns(UserWarning, match=r"other values than in the training .* B02"):
        fitted.evaluate(there)


def test_missing_values_are_ignored_and_reported(fitted, tmp_path):
    there = folder(tmp_path, ["Forest", "River", "Pasture"], nodata=-9999)
    with pytest.warns(UserWarning, match=r"50\.0% of the values .* are missing"):
        scores = fitted.evaluate(there)
    assert scores["accuracy"] > 0.9


def test_one_band_in_other_units_is_reported(fitted, tmp_path):
    there = folder(
        tmp_path, ["Forest", "River", "Pasture"], scale=[[[1]], [[1]], [[1e4]]]
    )
    with pytest.warns(UserWarning, match=r"other values than .*, B08 .median"):
        fitted.evaluate(there)

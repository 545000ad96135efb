"""Search on a folder or zip file with one folder of images for each class.

python examples/eurosat_folder.py EuroSAT_RGB.zip out
"""

import sys
from pathlib import Path

import autoai4eo as ae
from autoai4eo.data.splits import split


def main(images: str, out: str) -> None:
    training, validation, testing = split(
        ae.open_dataset(images), (0.8, 0.1, 0.1), seed=0
    )
    classifier = ae.ImageClassifier(
        max_trials=10, directory=out, project_name="run", seed=0
    )
    classifier.fit(training, validation_data=validation, epochs=10)
    for name, figures in classifier.evaluate(testing)["per_class"].items():
        print(f"{name:24} recall {figures['recall']:.3f}")
    file = classifier.export(Path(out) / "eurosat.keras", overwrite=True)
    print("written:", file)


if __name__ == "__main__":
    if len(sys.argv) <= 2 or "--help" in sys.argv:
        sys.exit(__doc__)
    main(*sys.argv[1:])

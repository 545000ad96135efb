"""Search on So2Sat LCZ42 files, evaluate, export a SavedModel and an ONNX file.

python examples/fit_and_export_so2sat.py training.h5 validation.h5 testing.h5 out
"""

import sys
from pathlib import Path

import autoai4eo as ae


def main(training: str, validation: str, testing: str, out: str) -> None:
    classifier = ae.So2SatClassifier(
        constraints={"params": 1_000_000},
        max_trials=10,
        directory=out,
        project_name="run",
        seed=0,
    )
    classifier.fit(training, validation_data=validation, epochs=20)
    print(classifier.trials()[["trial", "status", "val_cohen_kappa", "macs"]])
    scores = classifier.evaluate(testing)
    print({k: scores[k] for k in ("accuracy", "average_accuracy", "cohen_kappa")})
    print("written:", classifier.export(Path(out) / "savedmodel", overwrite=True))
    print("written:", classifier.export(Path(out) / "lcz.onnx", overwrite=True))


if __name__ == "__main__":
    if len(sys.argv) <= 4 or "--help" in sys.argv:
        sys.exit(__doc__)
    main(*sys.argv[1:])

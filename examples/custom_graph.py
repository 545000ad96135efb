"""A graph of one's own: two sensors, fused late, under a latency budget.

python examples/custom_graph.py training.h5 validation.h5 out
"""

import sys

import autoai4eo as ae


def main(training: str, validation: str, out: str) -> None:
    s2, s1 = ae.ImageInput("sen2"), ae.ImageInput("sen1")
    optical = ae.blocks.MultispectralStem(indices=True)(s2)
    radar = ae.blocks.MultispectralStem(kernel_size="5")(s1)
    fused = ae.blocks.SensorFusion(kind="late")([optical, radar])
    head = ae.blocks.LatencyConstrainedHead(max_latency_ms=20.0)
    model = ae.AutoModel(
        [s2, s1],
        head(ae.blocks.PretrainedResNetBlock()(fused)),
        tuner="tpe",
        max_trials=5,
        directory=out,
        project_name="custom",
        seed=0,
    )
    model.fit(training, validation_data=validation, epochs=5)
    print(model.trials(all=True).T.to_string())


if __name__ == "__main__":
    if len(sys.argv) <= 3 or "--help" in sys.argv:
        sys.exit(__doc__)
    main(*sys.argv[1:])

"""The published EO HW-NAS records as a table for `autoai4eo simulate`.

    python benchmarks/eo_hw_nas.py ../shared/data/eo_hw_nas eo_hw_nas.csv

450 cells of NAS-Bench-101, each trained on So2Sat LCZ42. `params` is the records' own
`num_params`; their `MACs` is left out, since it holds the parameters again.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import pandas as pd


def table(records: Path) -> pd.DataFrame:
    """A row per cell: graph, accuracies at epoch 108, latency of a batch of 64 (ms)."""
    measured = json.loads((records / "test_results_sampled_all_paths.json").read_text())
    scores = pd.read_csv(records / "accuracies_epoch108.csv").set_index("hash")
    rows = []
    for walk in json.loads((records / "path_logs.json").read_text()):
        for step in walk:
            found = measured[f"arch_{step['id']}"]
            score = scores.loc[step["unique_hash"]]
            rows.append(
                {
                    "cell": json.dumps(step["module_adjacency"]),
                    "operations": json.dumps(step["module_operations"]),
                    "val_macro": score["val_macro"],
                    "val_micro": score["val_micro"],
                    "latency_ms": found["avg_inference_time"],
                    "params": found["num_params"],
                }
            )
    return pd.DataFrame(rows)


def main() -> None:
    """Writes the table."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("records", type=Path)
    parser.add_argument("out", type=Path)
    args = parser.parse_args()
    table(args.records).to_csv(args.out, index=False)


if __name__ == "__main__":
    main()

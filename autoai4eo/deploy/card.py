"""``MODEL_CARD.md``: what an exported model is, for people.

After Mitchell et al. 2019, Model Cards for Model Reporting, arXiv:1810.03993.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from autoai4eo.deploy.formats import FORMATS

CARD = "MODEL_CARD.md"
_TEMPLATE = """\
# {{ p.title }}

A network that tells which of {{ classes | length }} classes a patch is of, found by
architecture search with autoai4eo. Written {{ p.created }}. `model.json` beside this
card says the same to programs (a STAC item with the Machine Learning Model extension).
{%- set data = p["autoai4eo:training_data"] %}

## What it was trained on

`{{ data.name }}`: {{ "{:,}".format(data.samples) }} patches, fingerprint `{{ data.fingerprint }}`
{%- if p["autoai4eo:trained_on"] != "training" %}, and the validation data with
them{% endif %}; {{ p["autoai4eo:epochs"] }} epochs.

| input | shape | sensor | bands, in this order |
|---|---|---|---|
{%- for given in p["mlm:input"] %}
| `{{ given.name }}` | {{ size(given) }} | {{ data.sensors[given.name] }} | {{ given.bands | join(", ") }} |
{%- endfor %}

It takes raw pixels, float32, as they lie in the training data; standardising and index
channels are inside.
{%- for given in p["mlm:input"] if "autoai4eo:statistics" in given %}
In `{{ given.name }}` these were (2nd percentile, mean, 98th percentile):
{%- set s = given["autoai4eo:statistics"] %}
{%- for band in given.bands %}
{{ band }} {{ "%.4g, %.4g, %.4g" | format(s.p2[loop.index0], s.mean[loop.index0], s.p98[loop.index0]) }}{{ "." if loop.last else ";" }}
{%- endfor %}
{%- endfor %}

Classes, in the order of its output: {{ classes | map(attribute="name") | join(", ") }}.

## How good it is
{%- set m = p["autoai4eo:metrics"] %}

On the {{ m.on }} data, of {{ m.of }}. It was chosen by these data, so that new ones may
well give less; `autoai4eo evaluate` tells.

| | | 95 % interval |
|---|---|---|
{%- for name, label in scores if m.get(name) %}
| {{ label }} | {{ "%.3f" | format(m[name].value) }} | {{ interval(m[name].interval_95) }} |
{%- endfor %}
{% if m.get("resampled_by") %}
Intervals by bootstrap over each {{ m.get("resampled_by") }}.
{%- endif %}
{%- if "expected_calibration_error" in m %}
Expected calibration error: {{ "%.3f" | format(m.expected_calibration_error) }}.
{%- endif %}

## What it costs

{{ "{:,}".format(p["mlm:total_parameters"]) }} parameters; for one patch
{{ "{:,}".format(p["autoai4eo:macs"]) }} MACs (multiply-adds),
{{ "{:,}".format(p["autoai4eo:flops"]) }} FLOPs.
{%- set slow = p["autoai4eo:latency"] %}
{%- if slow.milliseconds %} In Keras, when it was searched, {{ "%.2f" | format(slow.milliseconds) }} ms for a
batch of {{ slow.batch_size }} on {{ slow.device }}.
{%- endif %}

| file | format | bytes | ms for one patch | differs from Keras by | on |
|---|---|---|---|---|---|
{%- for name, a in assets.items() %}
| {{ name }} | {{ a["autoai4eo:format"] }}{{ " " ~ a["autoai4eo:quantize"] if a["autoai4eo:quantize"] else "" }} | {{ "{:,}".format(a["autoai4eo:size_bytes"]) }} | {{ "%.2f" | format(a["autoai4eo:latency"].milliseconds) }} | {{ "%.1e" | format(a["autoai4eo:max_difference"]) }} | {{ a["autoai4eo:checked_on"] }} |
{%- endfor %}

Times are those of the format's own runtime, on
{{ (assets.values() | first)["autoai4eo:latency"].device }}; differences the largest of
any probability.
{%- for name, a in assets.items() if "autoai4eo:accuracy" in a %}
{%- set q = a["autoai4eo:accuracy"] %}
{%- if q.not_measured is defined %}
What quantising {{ name }} cost in accuracy was not measured: the validation data were
not found.
{%- else %}

Quantising: in {{ name }} OA {{ "%.4f" | format(q.float32.accuracy) }} becomes {{ "%.4f" | format(q.quantized.accuracy) }}, kappa
{{ "%.4f" | format(q.float32.cohen_kappa) }} becomes {{ "%.4f" | format(q.quantized.cohen_kappa) }}, on {{ q.on }}.
{%- endif %}
{%- endfor %}

## What it cannot do

- It answers one of its {{ classes | length }} classes for any patch, also where none is
  right, and one class for a whole patch.
- It knows the places, seasons and sensors of its training data; nothing was measured
  on others.
{%- if p["autoai4eo:level"] %}
- Its training data were of processing level {{ p["autoai4eo:level"] }}; others are not the same.
{%- else %}
- The processing level of its training data is not recorded: give it the same as those.
{%- endif %}
- Pixels in other units (digital numbers for reflectance, dB for intensity) are not
  noticed, and the answer is wrong.
{%- if m.get("absent_classes") %}
- Not measured, because the {{ m.on }} data have none of them: {{ m["absent_classes"] | join(", ") }}.
{%- endif %}
{%- if m.get("resampled_by") == "sample" %}
- The intervals take patches for independent of each other; neighbours are not, so that
  they may be too narrow.
{%- endif %}
{%- if "expected_calibration_error" not in m %}
- Whether it is right as often as it is sure was not measured.
{%- endif %}

## How to run it
{% for name, a in assets.items() %}
{{ name }}, with {{ a["mlm:framework"] }} {{ a["mlm:framework_version"] }} and nothing of autoai4eo:

```python
import numpy as np
{{ code(name, a) }}
pixels = {  # your patches; as many as you like
{%- for given in p["mlm:input"] %}
    "{{ given.name }}": np.zeros((1, {{ given.input.shape[1:] | join(", ") }}), "float32"),
{%- endfor %}
}
probabilities = {{ formats[a["autoai4eo:format"]].call }}
```
{% endfor %}"""


def render(item: Mapping[str, Any]) -> str:
    """The card of a STAC item with its assets, as Markdown."""
    import jinja2

    properties = item["properties"]
    template = jinja2.Environment(
        undefined=jinja2.StrictUndefined, keep_trailing_newline=True
    ).from_string(_TEMPLATE)
    (output,) = properties["mlm:output"]
    return template.render(
        p=properties,
        assets=item["assets"],
        classes=output["classification:classes"],
        scores=[
            ("accuracy", "overall accuracy"),
            ("average_accuracy", "average accuracy"),
            ("cohen_kappa", "Cohen's kappa"),
        ],
        formats=FORMATS,
        code=lambda name, asset: FORMATS[asset["autoai4eo:format"]].load.format(
            path=name
        ),
        size=lambda given: " × ".join(str(n) for n in given["input"]["shape"][1:]),
        interval=lambda ends: (
            f"{ends[0]:.3f} to {ends[1]:.3f}" if ends else "not measured"
        ),
    )

"""``MODEL_CARD.md``: what an exported model is, for people.

After Mitchell et al. 2019, Model Cards for Model Reporting, arXiv:1810.03993.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from markupsafe import Markup

from autoai4eo.deploy.export.formats import FORMATS
from autoai4eo.learning.figures import FIGURES
from autoai4eo.text import line, markdown

CARD = "MODEL_CARD.md"
_TEMPLATE = """\
# {{ p.title }}

A network that tells which of {{ classes | length }} classes a patch is of, found by
architecture search with autoai4eo. Written {{ p.created }}. `model.json` beside this
card says the same to programs (a STAC item with the Machine Learning Model extension).

## What it was trained on

{% set data = p["autoai4eo:training_data"] -%}
{{ data.name | name }}: {{ data.samples | many }} patches, fingerprint {{
data.fingerprint | name }}{% if p["autoai4eo:trained_on"] != "training" %}, and the {#
#}validation data with them{% endif %}; {{ p["autoai4eo:epochs"] }} epochs.

| input | shape | sensor | bands, in this order |
|---|---|---|---|
{% for given in inputs -%}
| {{ given.name | name }} | {{ given.input.shape[1:] | join(" × ") }} | {{
data.sensors[given.name] }} | {{ given.bands | join(", ") }} |
{% endfor %}
It takes raw pixels, float32, as they lie in the training data, where they were:

| input | band | 2nd percentile | mean | 98th percentile |
|---|---|---|---|---|
{% for given in inputs if "autoai4eo:statistics" in given -%}
{% set s = given["autoai4eo:statistics"] -%}
{% for band in given.bands -%}
| {{ given.name | name }} | {{ band }} | {{ s.p2[loop.index0] | short }} | {{
s.mean[loop.index0] | short }} | {{ s.p98[loop.index0] | short }} |
{% endfor -%}
{% endfor %}
What is to be done to them (standardising, index channels, missing pixels) is inside.

Classes, in the order of its output: {{ classes | map(attribute="name") | join(", ") }}.

## How good it is

{% set m = p["autoai4eo:metrics"] -%}
On the {{ m.on }} data, of {{ m.of }}. It was chosen by these data, so that new ones may
well give less; `autoai4eo evaluate` tells.

| | | 95 % interval |
|---|---|---|
{% for name, figure in figures.items() if m[name] is mapping -%}
| {{ figure.label }} | {{ m[name].value | figure }} | {{ m[name].interval_95 | ends }} |
{% endfor -%}
{% if m.two_figures %}
{{ m.two_figures }}
{% endif -%}
{% if m.resampled_by is defined %}
Intervals by bootstrap over each {{ m.resampled_by }}.
{% endif -%}
{% if m.expected_calibration_error is defined %}
Expected calibration error: {{ m.expected_calibration_error | figure }}.
{% endif %}
## What it costs

{{ p["mlm:total_parameters"] | many }} parameters; for one patch {{
p["autoai4eo:macs"] | many }} MACs (multiply-adds), {{
p["autoai4eo:flops"] | many }} FLOPs.
{% set slow = p["autoai4eo:latency"] -%}
{% if slow.milliseconds is not none -%}
In Keras, when it was searched, a batch of {{ slow.batch_size }} took {{
slow.milliseconds | figure }} ms on {{ slow.device }}.
{% endif %}
| file | format | bytes | ms for one patch | differs from Keras by | on |
|---|---|---|---|---|---|
{% for name, a in assets.items() -%}
| {{ name }} | {{ a.title }} | {{ a["autoai4eo:size_bytes"] | many }} | {{
a["autoai4eo:latency"].milliseconds | figure }} | {{
"%.1e" | format(a["autoai4eo:max_difference"]) }} | {{ a["autoai4eo:checked_on"] }} |
{% endfor %}
Times are those of the format's own runtime, on {{
(assets.values() | first)["autoai4eo:latency"].device }}; differences the largest of any
probability.
{% for name, a in assets.items() if "autoai4eo:accuracy" in a %}
{% set q = a["autoai4eo:accuracy"] -%}
{% if q.not_measured is defined -%}
What quantising cost {{ name }} in accuracy was not measured: {{ q.not_measured }}
{% else -%}
Quantising: in {{ name }} OA {{ q.float32.accuracy | figure }} becomes {{
q.quantized.accuracy | figure }}, kappa {{ q.float32.cohen_kappa | figure }} becomes {{
q.quantized.cohen_kappa | figure }}, on {{ q.on }}.
{% endif -%}
{% endfor %}
## What it cannot do

- It answers one of its {{ classes | length }} classes for any patch, also where none is
  right, and one class for a whole patch.
- It knows the places, seasons and sensors of its training data; nothing was measured
  on others.
{% if p["autoai4eo:level"] -%}
- Its training data were of processing level {{ p["autoai4eo:level"] }}; others differ.
{% else -%}
- The processing level of its training data is not recorded: give it the same as those.
{% endif -%}
- Pixels in other units (digital numbers for reflectance, dB for intensity) are not
  noticed, and the answer is wrong.
{% if m.absent_classes -%}
- Not measured, because the {{ m.on }} data have none of them: {{
m.absent_classes | join(", ") }}.
{% endif -%}
{% if m.resampled_by is defined and m.resampled_by == "sample" -%}
- The intervals take patches for independent of each other; neighbours are not, so that
  they may be too narrow.
{% endif -%}
{% if m.expected_calibration_error is not defined -%}
- Whether it is right as often as it is sure was not measured.
{% endif %}
## How to run it
{% for name, a in assets.items() %}
{{ name }}, with {{ a["mlm:framework"] }} {{ a["mlm:framework_version"] }} alone:

```python
import numpy as np
{{ formats[a["autoai4eo:format"]].load.format(path=name) | code }}
pixels = {  # your patches; as many as you like
{%- for given in inputs %}
    {{ given.name | python }}: np.zeros((1, {{ given.input.shape[1:] | join(", ")
    }}), "float32"),
{%- endfor %}
}
probabilities = {{ formats[a["autoai4eo:format"]].call | code }}
```
{% endfor %}"""


def render(item: Mapping[str, Any]) -> str:
    """The card of a STAC item with its assets, as Markdown."""
    import jinja2

    environment = jinja2.Environment(keep_trailing_newline=True, finalize=_written)
    environment.filters |= {
        "many": _number(","),
        "figure": _number(".3f"),
        "short": _number(".4g"),
        "ends": _ends,
        "name": _name,
        "python": lambda name: Markup(repr(name)),
        "code": Markup,
    }
    properties = item["properties"]
    (output,) = properties["mlm:output"]
    return environment.from_string(_TEMPLATE).render(
        p=properties,
        inputs=properties["mlm:input"],
        classes=output["classification:classes"],
        assets=item["assets"],
        figures=FIGURES,
        formats=FORMATS,
    )


def _written(value: object) -> str:
    """Text of others reads as it is: it is no table, link, heading or HTML."""
    return value if isinstance(value, Markup) else markdown(str(value))


def _number(how: str) -> Callable[[Any], Markup]:
    return lambda value: Markup(format(value, how))


def _ends(interval: Sequence[float]) -> Markup:
    if not interval:
        return Markup("not measured")
    low, high = interval
    return Markup(f"{low:.3f} to {high:.3f}")


def _name(name: str) -> Markup:
    """A name as code, where nothing in it is Markdown's."""
    is_plain = re.fullmatch(r"[\w./: -]+", line(name))
    return Markup(f"`{name}`" if is_plain else markdown(name))

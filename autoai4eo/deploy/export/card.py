"""``MODEL_CARD.md``: the description of an exported model for people.

It follows Mitchell et al. 2019, Model Cards for Model Reporting, arXiv:1810.03993.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from markupsafe import Markup

from autoai4eo.data.target import Target
from autoai4eo.deploy.export.formats import FORMATS
from autoai4eo.deploy.predictors.description import TARGET
from autoai4eo.learning.evaluation import SINGLE
from autoai4eo.learning.figures import FIGURES, Figure
from autoai4eo.learning.verdict import resampled
from autoai4eo.runs.data_record import SYNTHETIC
from autoai4eo.runs.phases import Phase, told_epochs
from autoai4eo.text import line, listed, markdown, plural

CARD = "MODEL_CARD.md"
_MOST_SHOWN = 20  # classes in a confusion matrix
_TEMPLATE = """\
{% macro told_references(beside) -%}
{% if beside.references is defined %}
References on the same data:

| reference | score | value |
|---|---|---|
{% for who, scores in beside.references.items() -%}
{% for name, value in scores.items() -%}
| {{ who }} | {{ figures[name].label }} | {{ figures[name].text(value) | code }} |
{% endfor -%}
{% endfor %}{% endif -%}
{% endmacro -%}
# {{ p.title }}

{% if kind == "class" -%}
This network assigns a patch to one of {{ names | length }} classes.
{% elif kind == "labels" -%}
This network predicts which of {{ names | length }} classes are in a patch: none, one
or several.
{% elif kind == "mask" -%}
This network assigns each pixel of a tile to one of {{ names | length }} classes.
{% else -%}
This network predicts for a patch: {{ names | listed }}.
{% endif -%}
It was found by architecture search with autoai4eo and exported at {{ p.created }}.
{% if p["autoai4eo:members"] is defined -%}
It is an ensemble, the weighted mean of the outputs of {{
p["autoai4eo:members"] | length }} networks of the search: {%
for m in p["autoai4eo:members"] %}trial {{ m.trial }} ({{
m.weight | figure }}){{ ", " if not loop.last }}{% endfor %}.
{% endif -%}
{% if p["autoai4eo:training_data"].synthetic %}
**{{ synthetic }}**

{% endif -%}
`model.json` beside this card has the same content for programs (a STAC item with the
Machine Learning Model extension).

## What it was trained on

{% set data = p["autoai4eo:training_data"] -%}
{{ data.name | name }}: {{ data.samples | many }} {{ sample | plural }}, fingerprint {{
data.fingerprint | name }}{% if p["autoai4eo:trained_on"] != "training" %}, and the {#
#}validation data with them{% endif %}; {{ epochs }}.

| input | shape | sensor | bands, in this order |
|---|---|---|---|
{% for given in inputs -%}
| {{ given.name | name }} | {{ given.input.shape[1:] | join(" × ") }} | {{
data.sensors[given.name] }} | {{ given.bands | join(", ") }} |
{% endfor %}
It takes raw pixels, float32, in the units of the training data. Values there:

| input | band | 2nd percentile | mean | 98th percentile |
|---|---|---|---|---|
{% for given in inputs if "autoai4eo:statistics" in given -%}
{% set s = given["autoai4eo:statistics"] -%}
{% for band in given.bands -%}
| {{ given.name | name }} | {{ band }} | {{ s.p2[loop.index0] | short }} | {{
s.mean[loop.index0] | short }} | {{ s.p98[loop.index0] | short }} |
{% endfor -%}
{% endfor %}
The network itself standardises them, computes index channels and replaces missing
pixels (NaN).

{% if kind == "value" -%}
Values, in the order of its output and in the units of the training data: {{
names | listed }}.
{% else -%}
Classes, in the order of its output: {{ names | listed }}.
{% if kind == "mask" -%}
The output is the probability of each class in each pixel, {{
result.shape[1:] | join(" × ") }}; a pixel's class is the most probable.
{% endif -%}
{% endif -%}
{% if kind == "labels" %}
A patch has a class whose probability is at least its threshold{% if not thresholds %},
0.5{% endif %}.
{% if thresholds %}
| class | threshold |
|---|---|
{% for name in names -%}
| {{ name }} | {{ thresholds[loop.index0] | figure }} |
{% endfor -%}
{% endif -%}
{% endif %}
## How good it is

{% set m = p["autoai4eo:metrics"] -%}
{% if evaluations -%}
### On other data

{% for one in evaluations -%}
{{ one.data.path | name }}: {{ one.data.samples | many }} {{ sample | plural }}, {#
#}fingerprint {{ one.data.fingerprint | name }}, evaluated on {{ one.evaluated[:10] }}.
{%- if one.verdict is defined %}
{{ one.verdict }}
{%- endif %}

| score | value | 95 % interval |
|---|---|---|
{% for name, score in one.metrics.items() -%}
| {{ figures[name].label }} | {{ figures[name].text(score.value) | code }} | {{
score.interval_95 | ends(figures[name]) }} |
{% endfor -%}
{% if one.resampled_by %}
Intervals are by bootstrap {{ resampled(one) }}.
{% endif -%}
{{ told_references(one) | code }}
{% endfor -%}
### On the {{ m.on }} data

{% endif -%}
Scores of {{ m.of }} on the {{ m.on }} data. The search chose the network by these data:
on other data its scores may be lower; {% if not evaluations %}`autoai4eo evaluate` {#
#}measures them{% else %}those are above{% endif %}.
{%- if m.verdict is defined %}
{{ m.verdict }}
{%- endif %}

| score | value | 95 % interval |
|---|---|---|
{% for name, figure in figures.items() if m[name] is mapping -%}
| {{ figure.label }} | {{ figure.text(m[name].value) | code }} | {{
m[name].interval_95 | ends(figure) }} |
{% endfor -%}
{% if m.two_figures %}
{{ m.two_figures }}
{% endif -%}
{{ told_references(m) | code }}{% if m.resampled_by is defined %}
Intervals are by bootstrap {{ resampled(m) }}{% if m.resampled_by not in single -%}
; each {{ m.resampled_by | replace("_", " ") }} is drawn as a whole{% endif %}.
{% endif -%}
{% if m.iou_by_class is defined %}
| class | intersection over union |
|---|---|
{% for name, iou in m.iou_by_class.items() -%}
| {{ name }} | {% if iou is none %}not measured{% else %}{{ iou | figure }}{% endif %} |
{% endfor -%}
{% endif -%}
{% if m.confusion_matrix is defined %}
Confusion of {% if kind == "mask" %}pixels{% else %}{{ sample | plural }}{% endif %}; {#
#}rows: {{ m.confusion_matrix.rows }}, columns: {{ m.confusion_matrix.columns }}
{%- if names | length > most %}; the {{ names | length }} × {{
names | length }} counts are in `model.json`.
{% else %}.

| |{% for name in names %} {{ name }} |{% endfor %}
|---|{% for name in names %}---|{% endfor %}
{% for row in m.confusion_matrix.counts -%}
| {{ names[loop.index0] }} |{% for count in row %} {{ count | many }} |{% endfor %}
{% endfor -%}
{% endif -%}
{% endif %}
## What it costs

{{ p["mlm:total_parameters"] | many }} parameters; for one {{ sample }} {{
p["autoai4eo:macs"] | many }} MACs (multiply-adds), {{
p["autoai4eo:flops"] | many }} FLOPs.
{% set slow = p["autoai4eo:latency"] -%}
{% if slow.milliseconds is not none -%}
In {% if slow.runtime_version -%}
{{ slow.runtime }} {{ slow.runtime_version }} ({{ slow.precision }}, {{
slow.threads }} threads)
{%- else %}Keras{% endif %}, during the search, a batch of {{ slow.batch_size }} took {{
slow.milliseconds | figure }} ms on {{ slow.device }}
{%- if slow.prediction is defined %}, **as predicted** from a device profile, not
measured there{% endif %}.
{% endif %}
| file | format | bytes | ms for one {{ sample }} | difference from Keras |{#
#} measured on |
|---|---|---|---|---|---|
{% for name, a in assets.items() -%}
| {{ name }} | {{ a.title }} | {{ a["autoai4eo:size_bytes"] | many }} | {{
a["autoai4eo:latency"].milliseconds | figure }} | {{
"%.1e" | format(a["autoai4eo:max_difference"]) }} | {{ a["autoai4eo:checked_on"] }} |
{% endfor %}
Times are those of the format's own runtime on {{
(assets.values() | first)["autoai4eo:latency"].device }}, and compare with that of
the search only where it was measured on that device, in the same runtime and precision
with as many threads. Differences are the largest of
any {% if kind == "value" %}value, as a share of the largest magnitude of its kind{%
else %}probability{% endif %}.
{% for name, a in assets.items() if "autoai4eo:accuracy" in a %}
{% set q = a["autoai4eo:accuracy"] -%}
{% if q.not_measured is defined -%}
What quantising cost {{ name }} in accuracy was not measured: {{ q.not_measured }}
{% else -%}
Scores without and with quantising of {{ name }}, on {{ q.on }}: {%
for score, value in q.float32.items() %}{{ figures[score].label }} {{
figures[score].text(value) | code }} and {{
figures[score].text(q.quantized[score]) | code }}{%
if not loop.last %}, {% endif %}{% endfor %}.
{% endif -%}
{% endfor %}
## What it cannot do

{% if kind == "class" -%}
- It gives one of its {{ names | length }} classes for every patch, also if none is
  right, and only one class for a whole patch.
{% elif kind == "labels" -%}
- It knows only its {{ names | length }} classes, and does not locate a class within a
  patch.
{% elif kind == "mask" -%}
- It gives one of its {{ names | length }} classes for every pixel, also if none is
  right.
- Near the edge of a tile it sees less of the surroundings; `autoai4eo map` blends
  overlapping tiles.
{% else -%}
- It gives a value for every patch, also for patches unlike its training data.
{% endif -%}
- It was trained on the places, seasons and sensors of its training data; its accuracy
  on others was {% if evaluations %}measured on the data above only{% else %}not {#
#}measured{% endif %}.
{% if p["autoai4eo:level"] -%}
- Its training data were of processing level {{ p["autoai4eo:level"] }}. Data of other
  levels have other values.
{% else -%}
- The processing level of its training data is not recorded. Use data of the same level.
{% endif -%}
- It does not notice pixels in other units (digital numbers for reflectance, dB for
  intensity), and gives wrong results for them.
{% if m.absent_classes -%}
- The {{ m.on }} data have none of these classes, which are not measured there: {{
m.absent_classes | listed }}.
{% endif -%}
{% if m.resampled_by is defined and m.resampled_by in single -%}
- The intervals assume that {{ sample | plural }} are independent of each other;
  neighbours are not, so that the intervals may be too narrow.
{% endif -%}
{% if kind != "value" and m.expected_calibration_error is not defined -%}
- Its calibration (whether its probabilities are right as often as they say) was not
  measured.
{% endif %}
## How to run it
{% for name, a in assets.items() %}
{{ name }}, with {{ a["autoai4eo:latency"].runtime }} alone, in the folder of this card:

```python
import numpy as np
{{ formats[a["autoai4eo:format"]].load.format(
path=name if formats[a["autoai4eo:format"]].suffix else ".") | code }}
pixels = {  # your {{ sample | plural }}, any number of them
{%- for given in inputs %}
    {{ given.name | python }}: np.zeros((1, {{ given.input.shape[1:] | join(", ")
    }}), "float32"),
{%- endfor %}
}
{{ output }} = {{ formats[a["autoai4eo:format"]].call.format(output=output) | code }}
```
{% endfor %}"""


def render(item: Mapping[str, Any]) -> str:
    """Returns the model card of a STAC item with its assets, as Markdown."""
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
        "plural": plural,
        "listed": listed,
    }
    properties = item["properties"]
    (output,) = properties["mlm:output"]
    target = output.get(TARGET, {"kind": "class"})
    names = target.get("classes") or [
        known["name"] for known in output.get("classification:classes", ())
    ]
    return environment.from_string(_TEMPLATE).render(
        p=properties,
        inputs=properties["mlm:input"],
        kind=target["kind"],
        names=names,
        sample=Target(target["kind"]).sample,
        single=SINGLE,
        result=output["result"],
        thresholds=target.get("thresholds"),
        most=_MOST_SHOWN,
        output="values" if target["kind"] == "value" else "probabilities",
        assets=item["assets"],
        figures=FIGURES,
        resampled=resampled,
        formats=FORMATS,
        evaluations=properties.get("autoai4eo:evaluations", ()),
        synthetic=SYNTHETIC,
        epochs=told_epochs(
            properties["autoai4eo:epochs"],
            [Phase(**one) for one in properties.get("autoai4eo:trainings", ())],
            "autoai4eo:members" in properties,
        ),
    )


def _written(value: object) -> str:
    """Escapes text from users, so that it makes no table, link, heading or HTML."""
    return value if isinstance(value, Markup) else markdown(str(value))


def _number(how: str) -> Callable[[Any], Markup]:
    return lambda value: Markup(format(value, how))


def _ends(interval: Sequence[float], figure: Figure) -> Markup:
    if not interval:
        return Markup("not measured")
    low, high = map(figure.text, interval)
    return Markup(f"{low} to {high}")


def _name(name: str) -> Markup:
    """Formats a name as code if it has no Markdown in it, else escapes it."""
    is_plain = re.fullmatch(r"[\w./: -]+", line(name))
    return Markup(f"`{name}`" if is_plain else markdown(name))

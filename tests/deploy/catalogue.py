"""The catalogue of metrics, read from its headers: names, kinds, labels, closed sets of values, bounds."""
import glob
import os
import re

import project


class Metric:
    def __init__(self, kind, labels, bounds):
        self.kind = kind
        self.labels = labels  # name -> set of values, or None where they come at run time
        self.bounds = bounds


_LIST = re.compile(r"string_view (\w+)\[\] = \{(.*?)\};", re.DOTALL)
_LABELS = re.compile(r"constexpr Label (\w+)\[\] =\s*\{(.*?)\};", re.DOTALL)
_LABEL = re.compile(r"\{\s*\"(\w+)\"((?:\s*,\s*\w+)*)\s*,?\s*\}")
_METRIC = re.compile(r"constexpr (Counter|Gauge|Histogram|Total)Def \w+\{\{(.*?)\}\};", re.DOTALL)
_FIELD = re.compile(r"\.(name|labels|bounds) = (?:\"([^\"]+)\"|(\w+))")


def read():
    texts = []
    for path in sorted(glob.glob(os.path.join(project.ROOT, "libs/metrics/catalogue/*.hpp"))):
        with open(path, encoding="utf-8") as file:
            texts.append(file.read())
    text = re.sub(r"//[^\n]*", "", "\n".join(texts))
    lists = {name: re.findall(r"\"([^\"]*)\"", body) for name, body in _LIST.findall(text)}
    labels = {}
    for name, body in _LABELS.findall(text):
        labels[name] = {}
        for label, sets in _LABEL.findall(body):
            values = {v for s in re.findall(r"\w+", sets) for v in lists[s]}
            labels[name][label] = values or None
    metrics = {}
    for kind, body in _METRIC.findall(text):
        fields = {key: quoted or word for key, quoted, word in _FIELD.findall(body)}
        metrics[fields["name"]] = Metric(
            kind.lower(), labels.get(fields.get("labels"), {}), lists.get(fields.get("bounds"), [])
        )
    return metrics


def series(metrics):
    """Metrics by the names that queries use; histograms under their three."""
    known = {}
    for name, metric in metrics.items():
        if metric.kind == "histogram":
            for suffix in ("_bucket", "_sum", "_count"):
                known[name + suffix] = metric
        else:
            known[name] = metric
    return known

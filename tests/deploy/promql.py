"""As much of PromQL as says which series and labels an expression asks for."""
import re

KEYWORDS = {"and", "or", "unless", "bool", "offset", "by", "without", "on", "ignoring", "inf", "nan"}
TARGET_LABELS = {"job", "instance", "namespace", "pod", "shard", "le"}

_STRING = re.compile(r"\"(?:[^\"\\]|\\.)*\"|'(?:[^'\\]|\\.)*'")
_TOKEN = re.compile(
    r"(?P<string>\"(?:[^\"\\]|\\.)*\"|'(?:[^'\\]|\\.)*')"
    r"|(?P<range>\[[^\]]*\])"
    r"|(?P<name>[A-Za-z_:][A-Za-z0-9_:]*)"
    r"|(?P<number>[0-9][0-9a-zA-Z.]*)"
    r"|(?P<other>[^\s])"
)
_MATCHER = re.compile(r"\s*(\w+)\s*(=~|!~|!=|=)\s*(\"(?:[^\"\\]|\\.)*\"|'(?:[^'\\]|\\.)*')\s*(?:,|$)")
_GROUPING = {"by", "without", "on", "ignoring", "group_left", "group_right"}


class Selector:
    def __init__(self, name):
        self.name = name
        self.matchers = []  # (label, operator, value)


def _skip_strings(text, start, opening, closing):
    """Index behind the bracket that closes the one at `start`."""
    depth = 0
    position = start
    while position < len(text):
        string = _STRING.match(text, position)
        if string:
            position = string.end()
            continue
        if text[position] == opening:
            depth += 1
        elif text[position] == closing:
            depth -= 1
            if depth == 0:
                return position + 1
        position += 1
    raise ValueError("unbalanced " + opening)


def _matchers(text):
    found = []
    position = 0
    while position < len(text) and text[position:].strip():
        match = _MATCHER.match(text, position)
        if not match:
            raise ValueError("no matcher: " + text[position:])
        value = match.group(3)[1:-1].replace("\\\\", "\\")
        found.append((match.group(1), match.group(2), value))
        position = match.end()
    return found


def parse(expression):
    """Returns the selectors, and the labels that it groups or joins by."""
    text = re.sub(r"#[^\n]*", "", expression)
    selectors, grouped = [], set()
    position = 0
    while position < len(text):
        match = _TOKEN.match(text, position)
        if not match:  # a blank
            position += 1
            continue
        position = match.end()
        if match.group("other") == "{":
            raise ValueError("a selector without a name: " + text[match.start() :])
        if not match.group("name"):
            continue
        name = match.group("name")
        rest = re.match(r"\s*", text[position:]).end() + position
        following = text[rest : rest + 1]
        if name in _GROUPING:
            if following == "(":
                end = _skip_strings(text, rest, "(", ")")
                grouped |= set(re.findall(r"\w+", text[rest + 1 : end - 1]))
                position = end
            continue
        aggregates = re.match(r"(by|without)\b", text[rest:])
        if following == "(" or aggregates or name.lower() in KEYWORDS:
            continue
        selector = Selector(name)
        if following == "{":
            end = _skip_strings(text, rest, "{", "}")
            selector.matchers = _matchers(text[rest + 1 : end - 1])
            position = end
        selectors.append(selector)
    return selectors, grouped


def _values(operator, value):
    """The values that a matcher names, or None where it is a pattern."""
    if operator in ("=", "!="):
        return [value]
    parts = value.split("|")
    return parts if all(re.fullmatch(r"[\w.\-]*", part) for part in parts) else None


def mistakes(expression, known, extra=()):
    """What an expression asks for and does not exist: known series by name, recorded ones in `extra`."""
    found = []
    try:
        selectors, grouped = parse(expression)
    except ValueError as error:
        return [str(error)]
    allowed = set(TARGET_LABELS)
    for selector in selectors:
        metric = known.get(selector.name)
        if metric is None:
            if selector.name not in extra:
                found.append("there is no series " + selector.name)
            allowed |= {"slo", "alertstate", "alertname"}
            continue
        allowed |= set(metric.labels)
        for label, operator, value in selector.matchers:
            found += _label_mistakes(selector.name, metric, label, operator, value)
    found += ["no series here has the label " + label for label in sorted(grouped - allowed)]
    return found


def _label_mistakes(name, metric, label, operator, value):
    if label == "le":
        plain = value.replace("(\\.0)?", "").replace("\\.", ".")
        bounds = {float(bound) for bound in metric.bounds} | {float("inf")}
        return [] if float(plain) in bounds else ["%s has no bound %s" % (name, plain)]
    if label in TARGET_LABELS:
        return []
    if label not in metric.labels:
        return ["%s has no label %s" % (name, label)]
    closed = metric.labels[label]
    named = _values(operator, value)
    if closed is None or named is None or value.startswith("$"):
        return []
    return ["%s is never %s of %s" % (v, label, name) for v in named if v not in closed]

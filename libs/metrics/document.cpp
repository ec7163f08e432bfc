#include "metrics/document.hpp"

#include "metrics/catalogue.hpp"

#include <span>
#include <string_view>
#include <vector>

namespace subcults::metrics {
namespace {

constexpr std::string_view preamble = R"(# Metrics

Generated from the catalogue in `libs/metrics/catalogue/`: do not edit. After a change there, run
the test executable `unit_metrics` with `SUBCULTS_UPDATE_GOLDEN=1` in its environment and commit
the result.

The API answers `GET /metrics` (port 8080), the indexer `GET /internal/indexer/metrics` (port
9090), both in the Prometheus text format 0.0.4. A scrape contains everything that was acknowledged
to anybody before the scrape arrived.

**Labels.** No label ever holds a DID, a participant, a place or a request path. A listed set of
values is closed: a value that the code does not know becomes `other`. When that holds for all
labels of a metric, its series are present at 0 from the start. Where a label has no listed values,
the table says what keeps them few, and a series appears with its first use.

**`le`.** Bucket bounds are printed exactly as listed here, so selectors such as `le="2.0"` or
`le="30"` find them on Prometheus 2. Prometheus 3 rewrites `le` to a float's canonical form when it
scrapes (`le="30"` is stored as `le="30.0"`): there, write selectors with a decimal point, or as
`le=~"30(\\.0)?"` for both.

**Values.** Counters start at 0 with the process. Totals over a restart come from `increase()`, and
history from the database.
)";

std::string_view type_name(Kind kind) {
    switch (kind) {
        case Kind::gauge:
            return "gauge";
        case Kind::histogram:
            return "histogram";
        case Kind::counter:
        case Kind::total:
            break;
    }
    return "counter";
}

void append_list(std::string& out, std::span<const std::string_view> items) {
    for (std::size_t i = 0; i < items.size(); ++i) {
        if (i > 0) out += ", ";
        out.append("`").append(items[i]).append("`");
    }
}

// A cell is one line, and a bar would end it.
std::string cell(std::string_view text) {
    std::string out;
    for (const char c : text) {
        if (c == '|') out += '\\';
        out += c == '\n' ? ' ' : c;
    }
    return out;
}

void append_labels(std::string& out, const Definition& metric) {
    if (metric.labels.empty()) out += "none";
    bool first = true;
    for (const Label& label : metric.labels) {
        if (!first) out += "<br>";
        first = false;
        out.append("`").append(label.name).append("`");
        if (label.values.empty() && label.indexer_values.empty()) continue;
        out += ": ";
        if (label.indexer_values.empty()) {
            append_list(out, label.values);
        } else {
            out += "in the API ";
            append_list(out, label.values);
            out += "; in the indexer ";
            append_list(out, label.indexer_values);
        }
    }
    if (!metric.bounded_by.empty()) {
        out.append("<br>kept few by: ").append(cell(metric.bounded_by));
    }
}

void append_row(std::string& out, const Definition& metric) {
    out.append("| `").append(metric.name).append("` | ").append(type_name(metric.kind));
    out += " | ";
    append_labels(out, metric);
    out += " | ";
    for (std::size_t i = 0; i < metric.bounds.size(); ++i) {
        if (i > 0) out += ", ";
        out += metric.bounds[i];
    }
    out.append(" | ").append(cell(metric.help)).append(" ").append(cell(metric.counts));
    out += " |\n";
}

// The sections with metrics of exactly this scope.
void append_part(std::string& out, Scope scope) {
    for (const catalogue::Section& section : catalogue::sections()) {
        std::string rows;
        for (const Definition* metric : section.metrics) {
            if (metric->scope == scope) append_row(rows, *metric);
        }
        if (rows.empty()) continue;
        out.append("\n### ").append(section.title).append("\n\n").append(section.intro);
        out +=
            "\n\n| name | type | labels | buckets (`le`, then `+Inf`) | what it counts |\n"
            "|---|---|---|---|---|\n";
        out += rows;
    }
}

}  // namespace

std::string document() {
    std::string out(preamble);
    out += "\n## API\n";
    append_part(out, Scope::api);
    out += "\n## Indexer\n";
    append_part(out, Scope::indexer);
    out += "\n## Both services\n";
    append_part(out, Scope::both);
    return out;
}

}  // namespace subcults::metrics

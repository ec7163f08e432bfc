#include "bench/result.hpp"

#include "base/json_writer.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <cstdio>

namespace subcults::bench {
namespace {

// Four digits say more than these machines can repeat; JSON with seventeen reads badly.
double rounded(double value) {
    if (value == 0 || !std::isfinite(value)) return value;
    const double scale = std::pow(10.0, 3 - std::floor(std::log10(std::fabs(value))));
    return std::round(value * scale) / scale;
}

std::optional<double> ratio_of(const BenchResult& result) {
    if (!result.reference || *result.reference == 0) return std::nullopt;
    return result.value.median / *result.reference;
}

void write_line(const JsonWriter& json) {
    const std::string line = json.take() + "\n";
    std::fwrite(line.data(), 1, line.size(), stdout);
    std::fflush(stdout);
}

}  // namespace

Summary summarise(std::vector<double> rounds) {
    std::sort(rounds.begin(), rounds.end());
    const std::size_t middle = rounds.size() / 2;
    Summary summary;
    summary.median =
        rounds.size() % 2 == 1 ? rounds[middle] : (rounds[middle - 1] + rounds[middle]) / 2;
    summary.min = rounds.front();
    summary.max = rounds.back();
    return summary;
}

double quantile(std::vector<double> samples, double part) {
    const double rank = std::ceil(part * static_cast<double>(samples.size()));
    const auto index = static_cast<std::size_t>(std::max(rank, 1.0)) - 1;
    const auto at = samples.begin() + static_cast<std::ptrdiff_t>(index);
    std::nth_element(samples.begin(), at, samples.end());
    return *at;
}

void aim_at_ratio(BenchResult& result, double ratio) {
    result.aim = fmt::format("ratio >= {}", ratio);
    result.met = ratio_of(result).value_or(0) >= ratio;
}

void aim_below(BenchResult& result, double limit) {
    result.aim = fmt::format("value <= {}", limit);
    result.met = result.value.median <= limit;
}

void aim_below_reference(BenchResult& result, double factor, double more) {
    result.aim = fmt::format("value <= {} * reference + {}", factor, more);
    result.met = result.value.median <= factor * result.reference.value_or(0) + more;
}

void print(const BenchResult& result) {
    JsonWriter json;
    json.begin_object()
        .field("name", result.name)
        .field("value", rounded(result.value.median))
        .field("unit", result.unit);
    const auto ratio = ratio_of(result);
    json.key("reference");
    result.reference ? json.value(rounded(*result.reference)) : json.null();
    json.key("ratio");
    ratio ? json.value(rounded(*ratio)) : json.null();
    json.key("aim");
    result.aim.empty() ? json.null() : json.value(result.aim);
    json.field("met", result.met)
        .field("min", rounded(result.value.min))
        .field("max", rounded(result.value.max))
        .end_object();
    write_line(json);
}

void print_skipped(const std::string& name, const std::string& unit, const std::string& reason) {
    JsonWriter json;
    json.begin_object().field("name", name);
    json.key("value").null().field("unit", unit);
    for (const char* absent : {"reference", "ratio", "aim", "met", "min", "max"})
        json.key(absent).null();
    json.field("skipped", reason).end_object();
    write_line(json);
}

void progress(const std::string& text) {
    std::fprintf(stderr, "%s\n", text.c_str());
}

}  // namespace subcults::bench

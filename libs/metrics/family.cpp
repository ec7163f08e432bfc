#include "metrics/family.hpp"

#include <algorithm>
#include <charconv>
#include <cstring>
#include <limits>
#include <mutex>
#include <stdexcept>
#include <utility>

namespace subcults::metrics {
namespace {

constexpr std::string_view other = "other";

std::string_view type_name(Kind kind) noexcept {
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

prometheus::MetricType library_type(Kind kind) noexcept {
    switch (kind) {
        case Kind::gauge:
            return prometheus::MetricType::Gauge;
        case Kind::histogram:
            return prometheus::MetricType::Histogram;
        case Kind::counter:
        case Kind::total:
            break;
    }
    return prometheus::MetricType::Counter;
}

[[noreturn]] void reject(const Definition& definition, std::string_view why) {
    throw std::logic_error("metric " + std::string(definition.name) + ": " + std::string(why));
}

std::vector<double> parse_bounds(const Definition& definition) {
    std::vector<double> bounds;
    for (const std::string_view text : definition.bounds) {
        double bound = 0;
        const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), bound);
        if (error != std::errc{} || end != text.data() + text.size()) {
            reject(definition, "a bound is not a number");
        }
        if (!bounds.empty() && !(bounds.back() < bound)) reject(definition, "bounds do not rise");
        bounds.push_back(bound);
    }
    if ((definition.kind == Kind::histogram) == bounds.empty()) {
        reject(definition, "histograms, and only they, have bounds");
    }
    return bounds;
}

}  // namespace

Family::Family(const Definition& definition, Scope service)
    : bounds_(parse_bounds(definition)), definition_(definition) {
    for (const Label& label : definition.labels) {
        sets_.push_back(label.values_in(service));
        if (sets_.back().empty()) closed_ = false;
    }
    header_.append("# HELP ").append(definition.name).append(" ");
    append_help(header_, definition.help);
    header_.append("\n# TYPE ").append(definition.name).append(" ");
    header_.append(type_name(definition.kind)).append("\n");
}

std::string Family::key_of(LabelValues values) const {
    if (values.size() != sets_.size()) reject(definition_, "wrong number of label values");
    std::size_t size = 0;
    for (const std::string_view value : values)
        size += sizeof(std::uint32_t) + value.size();
    std::string key;
    key.reserve(size);
    for (std::size_t i = 0; i < values.size(); ++i) {
        std::string_view value = values[i];
        std::string repaired;
        if (const LabelValues set = sets_[i]; !set.empty()) {
            if (std::find(set.begin(), set.end(), value) == set.end()) value = other;
        } else if (!is_clean_utf8(value)) {
            repaired = cleaned_utf8(value);
            value = repaired;
        }
        const auto length = static_cast<std::uint32_t>(value.size());
        char prefix_bytes[sizeof length];
        std::memcpy(prefix_bytes, &length, sizeof length);
        key.append(prefix_bytes, sizeof length).append(value);
    }
    return key;
}

std::vector<std::string_view> Family::values_in(std::string_view key) {
    std::vector<std::string_view> values;
    while (!key.empty()) {
        std::uint32_t length = 0;
        std::memcpy(&length, key.data(), sizeof length);
        values.push_back(key.substr(sizeof length, length));
        key.remove_prefix(sizeof length + length);
    }
    return values;
}

void Family::for_each_combination(const std::function<void(LabelValues)>& create) const {
    std::vector<std::size_t> choice(sets_.size(), 0);
    std::vector<std::string_view> values(sets_.size());
    for (;;) {
        for (std::size_t i = 0; i < sets_.size(); ++i)
            values[i] = sets_[i][choice[i]];
        create(values);
        // Counts up like an odometer, the last label fastest.
        std::size_t wheel = sets_.size();
        while (wheel > 0 && ++choice[wheel - 1] == sets_[wheel - 1].size()) {
            choice[--wheel] = 0;
        }
        if (wheel == 0) return;
    }
}

std::string Family::prefix(std::string_view suffix, std::string_view key,
                           std::string_view le) const {
    std::string text;
    text.append(definition_.name).append(suffix);
    char before = '{';
    const auto pair = [&](std::string_view name, std::string_view value) {
        text += std::exchange(before, ',');
        text.append(name).append("=\"");
        append_label_value(text, value);
        text += '"';
    };
    const auto values = values_in(key);
    for (std::size_t i = 0; i < values.size(); ++i)
        pair(definition_.labels[i].name, values[i]);
    if (!le.empty()) pair("le", le);
    if (before == ',') text += '}';
    text += ' ';
    return text;
}

prometheus::MetricFamily Family::empty_collection() const {
    prometheus::MetricFamily family;
    family.name = definition_.name;
    family.help = definition_.help;
    family.type = library_type(definition_.kind);
    return family;
}

std::vector<prometheus::ClientMetric::Label> Family::labels_of(std::string_view key) const {
    std::vector<prometheus::ClientMetric::Label> labels;
    const auto values = values_in(key);
    for (std::size_t i = 0; i < values.size(); ++i) {
        labels.push_back({std::string(definition_.labels[i].name), std::string(values[i])});
    }
    return labels;
}

template <class Metric>
FamilyOf<Metric>::FamilyOf(const Definition& definition, Scope service)
    : Family(definition, service) {
    if (is_closed()) for_each_combination([this](LabelValues values) { at(values); });
}

template <class Metric>
auto FamilyOf<Metric>::make_series() const -> std::unique_ptr<Series> {
    if constexpr (is_histogram) {
        return std::make_unique<Series>(bounds_);
    } else {
        return std::make_unique<Series>();
    }
}

template <class Metric>
void FamilyOf<Metric>::write_text(Series& series) const {
    if constexpr (is_histogram) {
        const auto line = [&](std::string_view suffix, std::string_view le) {
            series.text += prefix(suffix, series.key, le);
            series.ends.push_back(static_cast<std::uint32_t>(series.text.size()));
        };
        for (const std::string_view bound : definition().bounds)
            line("_bucket", bound);
        line("_bucket", "+Inf");
        line("_sum", {});
        line("_count", {});
    } else {
        series.text = prefix({}, series.key, {});
    }
}

template <class Metric>
Metric& FamilyOf<Metric>::at(LabelValues values) {
    const std::string key = key_of(values);
    {
        const std::shared_lock lock(mutex_);
        if (const auto found = series_.find(key); found != series_.end()) {
            return found->second->metric;
        }
    }
    auto fresh = make_series();
    const std::unique_lock lock(mutex_);
    const auto [entry, inserted] = series_.try_emplace(key, nullptr);
    if (!inserted) return entry->second->metric;  // another thread came first
    try {
        fresh->key = entry->first;
        write_text(*fresh);
        fresh->position = order_.size();
        order_.push_back(fresh.get());
    } catch (...) {
        series_.erase(entry);
        throw;
    }
    entry->second = std::move(fresh);
    return entry->second->metric;
}

template <class Metric>
void FamilyOf<Metric>::remove(LabelValues values) {
    const std::string key = key_of(values);
    if (is_closed()) return;
    const std::unique_lock lock(mutex_);
    const auto found = series_.find(key);
    if (found == series_.end()) return;
    order_[found->second->position] = nullptr;
    ++holes_;
    series_.erase(found);
    // Holes keep removal cheap and the others' order as it was; half of them is too many.
    if (holes_ > 16 && holes_ > order_.size() / 2) compact();
}

template <class Metric>
void FamilyOf<Metric>::compact() {
    std::erase(order_, nullptr);
    for (std::size_t i = 0; i < order_.size(); ++i)
        order_[i]->position = i;
    holes_ = 0;
}

template <class Metric>
void FamilyOf<Metric>::render(ExpositionWriter& writer) const {
    const std::shared_lock lock(mutex_);
    if (series_.empty()) return;
    writer.text(header_);
    if constexpr (is_histogram) {
        Histogram::Snapshot snapshot;
        for (const Series* series : order_) {
            if (series == nullptr) continue;
            series->metric.snapshot(snapshot);
            const std::string_view text = series->text;
            std::size_t line = 0;
            std::size_t begin = 0;
            const auto next = [&] {
                const std::size_t end = series->ends[line++];
                const std::size_t start = std::exchange(begin, end);
                return text.substr(start, end - start);
            };
            for (const std::uint64_t count : snapshot.cumulative)
                writer.sample(next(), count);
            writer.sample(next(), snapshot.sum);
            writer.sample(next(), snapshot.count());
        }
    } else {
        for (const Series* series : order_) {
            if (series != nullptr) writer.sample(series->text, series->metric.value());
        }
    }
}

template <class Metric>
prometheus::MetricFamily FamilyOf<Metric>::collect() const {
    auto family = empty_collection();
    const std::shared_lock lock(mutex_);
    family.metric.reserve(series_.size());
    for (const Series* series : order_) {
        if (series == nullptr) continue;
        auto& out = family.metric.emplace_back();
        out.label = labels_of(series->key);
        if constexpr (is_histogram) {
            const auto snapshot = series->metric.snapshot();
            out.histogram.sample_count = snapshot.count();
            out.histogram.sample_sum = snapshot.sum;
            for (std::size_t i = 0; i < bounds_.size(); ++i) {
                out.histogram.bucket.push_back({snapshot.cumulative[i], bounds_[i]});
            }
            out.histogram.bucket.push_back(
                {snapshot.count(), std::numeric_limits<double>::infinity()});
        } else if constexpr (std::is_same_v<Metric, Gauge>) {
            out.gauge.value = series->metric.value();
        } else {
            out.counter.value = static_cast<double>(series->metric.value());
        }
    }
    return family;
}

template class FamilyOf<Counter>;
template class FamilyOf<Gauge>;
template class FamilyOf<Histogram>;
template class FamilyOf<Total>;

}  // namespace subcults::metrics

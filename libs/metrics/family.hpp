// One metric name with all its series: creation, removal, rendering. Internal to the registry.
//
// Threading: a shared mutex guards the set of series only. Values are atomics, so updates do not
// know of it; rendering and look-ups share it, creation and removal own it.
#pragma once

#include "metrics/definition.hpp"
#include "metrics/exposition.hpp"
#include "metrics/metric.hpp"

#include <prometheus/metric_family.h>

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <shared_mutex>
#include <span>
#include <string>
#include <string_view>
#include <type_traits>
#include <unordered_map>
#include <vector>

namespace subcults::metrics {

using LabelValues = std::span<const std::string_view>;

class Family {
  public:
    // Throws std::logic_error for a definition that makes no sense (bounds that do not rise).
    Family(const Definition& definition, Scope service);
    virtual ~Family() = default;
    Family(const Family&) = delete;
    Family& operator=(const Family&) = delete;

    virtual void render(ExpositionWriter& writer) const = 0;
    virtual prometheus::MetricFamily collect() const = 0;
    virtual void remove(LabelValues values) = 0;

    const Definition& definition() const noexcept { return definition_; }

  protected:
    // The identity of a series: its values after "other" and UTF-8 repair, each with its length
    // before it, so that no two lists of values share a key.
    std::string key_of(LabelValues values) const;
    static std::vector<std::string_view> values_in(std::string_view key);

    // Calls `create` with every combination of the closed sets (once with none without labels).
    void for_each_combination(const std::function<void(LabelValues)>& create) const;
    // All series are known from the start.
    bool is_closed() const noexcept { return closed_; }
    // `name` + suffix + `{labels} `, with `le` as the last label unless it is empty.
    std::string prefix(std::string_view suffix, std::string_view key, std::string_view le) const;
    prometheus::MetricFamily empty_collection() const;
    std::vector<prometheus::ClientMetric::Label> labels_of(std::string_view key) const;

    std::string header_;          // HELP and TYPE lines
    std::vector<double> bounds_;  // of a histogram, parsed once

  private:
    const Definition& definition_;
    std::vector<LabelValues> sets_;  // per label, empty = values come at run time
    bool closed_ = true;
};

template <class Metric>
class FamilyOf final : public Family {
  public:
    FamilyOf(const Definition& definition, Scope service);

    // The series of a metric without labels: there from the start, so no lock.
    Metric& only() noexcept { return order_.front()->metric; }
    Metric& at(LabelValues values);

    void render(ExpositionWriter& writer) const override;
    prometheus::MetricFamily collect() const override;
    void remove(LabelValues values) override;

  private:
    static constexpr bool is_histogram = std::is_same_v<Metric, Histogram>;

    struct Series {
        template <class... Args>
        explicit Series(Args&&... args) : metric(std::forward<Args>(args)...) {}
        Metric metric;
        std::string_view key;  // of the map's entry
        std::size_t position = 0;
        // Everything of the series' lines but the numbers, rendered at creation. A histogram has
        // several lines: `ends` says where each one's text ends.
        std::string text;
        std::vector<std::uint32_t> ends;
    };
    struct KeyHash {
        using is_transparent = void;
        std::size_t operator()(std::string_view key) const noexcept {
            return std::hash<std::string_view>{}(key);
        }
    };

    std::unique_ptr<Series> make_series() const;
    void write_text(Series& series) const;
    void compact();

    mutable std::shared_mutex mutex_;
    std::unordered_map<std::string, std::unique_ptr<Series>, KeyHash, std::equal_to<>> series_;
    std::vector<Series*> order_;  // of creation; null where one was removed
    std::size_t holes_ = 0;
};

extern template class FamilyOf<Counter>;
extern template class FamilyOf<Gauge>;
extern template class FamilyOf<Histogram>;
extern template class FamilyOf<Total>;

}  // namespace subcults::metrics

// The registry: storage for the catalogue's metrics of one service, rendered as Prometheus text.
//
// Definitions live in catalogue.hpp and nowhere else. At construction the registry creates every
// metric of its service; those whose label values form a closed set are present at 0 at once.
// Rendering is ours: the library's serializer cannot print `le` as the contract writes it ("2.0")
// and copies every series; the registry is still a prometheus::Collectable, so that whatever
// speaks prometheus-cpp can read it, and the tests hold both outputs against each other.
//
// Threading: every method is safe from any thread. Updates through the references take no lock;
// a rendering holds one family at a time, shared, so it delays only the creation and the removal
// of series of that family.
// Errors: a definition that is not of this service, or the wrong number of label values, is a
// mistake in the program and throws std::logic_error. Label values never throw.
#pragma once

#include "metrics/definition.hpp"
#include "metrics/metric.hpp"

#include <prometheus/collectable.h>
#include <prometheus/metric_family.h>

#include <functional>
#include <initializer_list>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace subcults::metrics {

// The media type of what render() produces.
inline constexpr std::string_view exposition_content_type =
    "text/plain; version=0.0.4; charset=utf-8";

class Registry final : public prometheus::Collectable {
  public:
    // Creates every metric of `catalogue::all()` whose scope includes `service`.
    explicit Registry(Scope service);
    // The same for other definitions than the catalogue's, which must outlive the registry.
    Registry(Scope service, std::span<const Definition* const> definitions);
    ~Registry() override;
    Registry(const Registry&) = delete;
    Registry& operator=(const Registry&) = delete;

    // The one series of a metric without labels. References stay valid as long as the registry.
    Counter& get(const CounterDef& definition);
    Gauge& get(const GaugeDef& definition);
    Histogram& get(const HistogramDef& definition);
    Total& get(const TotalDef& definition);

    // The series for these label values (in the order of the definition's labels), created at
    // first use. Takes a lock and a look-up (about 100 ns): call once and keep the reference, or
    // accept the cost off the hot path. A value outside a closed set becomes "other"; bytes that
    // are not UTF-8 (one of them would cost the whole scrape) become U+FFFD.
    Counter& get(const CounterDef& definition, std::initializer_list<std::string_view> values);
    Gauge& get(const GaugeDef& definition, std::initializer_list<std::string_view> values);
    Histogram& get(const HistogramDef& definition, std::initializer_list<std::string_view> values);
    Total& get(const TotalDef& definition, std::initializer_list<std::string_view> values);

    // Removes the series for these values; references to it become invalid. For gauges of things
    // that end (sessions). Unknown values are ignored, and so are metrics whose series are all
    // present from the start: those stay.
    void remove(const Definition& definition, std::initializer_list<std::string_view> values);

    // Called before each rendering, to read what is cheaper to read than to maintain (queue depth,
    // pool use, process facts). Runs on the rendering thread, with no registry lock held; two
    // renderings at once may run it at once. What it refers to must outlive the last rendering.
    void before_collect(std::function<void()> refresh);

    // Appends the exposition (text format 0.0.4) to `out`: families in the order of the catalogue,
    // series in the order of their creation.
    void render(std::string& out) const;

    std::vector<prometheus::MetricFamily> Collect() const override;

    Scope service() const noexcept;

  private:
    struct Impl;
    std::unique_ptr<Impl> impl_;
};

}  // namespace subcults::metrics

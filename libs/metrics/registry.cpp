#include "metrics/registry.hpp"

#include "metrics/catalogue.hpp"
#include "metrics/exposition.hpp"
#include "metrics/family.hpp"

#include <atomic>
#include <mutex>
#include <stdexcept>
#include <unordered_map>
#include <utility>

namespace subcults::metrics {
namespace {

std::unique_ptr<Family> make_family(const Definition& definition, Scope service) {
    switch (definition.kind) {
        case Kind::gauge:
            return std::make_unique<FamilyOf<Gauge>>(definition, service);
        case Kind::histogram:
            return std::make_unique<FamilyOf<Histogram>>(definition, service);
        case Kind::total:
            return std::make_unique<FamilyOf<Total>>(definition, service);
        case Kind::counter:
            break;
    }
    return std::make_unique<FamilyOf<Counter>>(definition, service);
}

}  // namespace

struct Registry::Impl {
    using Hooks = std::vector<std::function<void()>>;

    Scope service;
    // Both are complete when the constructor returns and never change.
    std::vector<std::unique_ptr<Family>> families;
    std::unordered_map<const Definition*, Family*> by_definition;

    // Replaced as a whole, so that hooks run without a lock (and may add hooks).
    std::mutex hooks_mutex;
    std::shared_ptr<const Hooks> hooks = std::make_shared<const Hooks>();

    mutable std::atomic<std::size_t> last_size{0};

    Family& find(const Definition& definition) const {
        const auto found = by_definition.find(&definition);
        if (found == by_definition.end()) {
            throw std::logic_error("metric " + std::string(definition.name) +
                                   " is not one of this service");
        }
        return *found->second;
    }

    // The type of a definition fixes its kind, and the kind was used to make the family.
    template <class Metric>
    FamilyOf<Metric>& find_as(const Definition& definition) const {
        return static_cast<FamilyOf<Metric>&>(find(definition));
    }

    template <class Metric>
    Metric& only(const Definition& definition) const {
        if (!definition.labels.empty()) {
            throw std::logic_error("metric " + std::string(definition.name) +
                                   " needs label values");
        }
        return find_as<Metric>(definition).only();
    }

    void refresh() {
        std::shared_ptr<const Hooks> current;
        {
            const std::lock_guard lock(hooks_mutex);
            current = hooks;
        }
        for (const auto& hook : *current)
            hook();
    }
};

Registry::Registry(Scope service) : Registry(service, catalogue::all()) {}

Registry::Registry(Scope service, std::span<const Definition* const> definitions)
    : impl_(std::make_unique<Impl>()) {
    impl_->service = service;
    for (const Definition* definition : definitions) {
        if (!definition->exposed_by(service)) continue;
        auto family = make_family(*definition, service);
        if (!impl_->by_definition.emplace(definition, family.get()).second) {
            throw std::logic_error("metric " + std::string(definition->name) + " is listed twice");
        }
        impl_->families.push_back(std::move(family));
    }
}

Registry::~Registry() = default;

Counter& Registry::get(const CounterDef& definition) {
    return impl_->only<Counter>(definition);
}
Gauge& Registry::get(const GaugeDef& definition) {
    return impl_->only<Gauge>(definition);
}
Histogram& Registry::get(const HistogramDef& definition) {
    return impl_->only<Histogram>(definition);
}
Total& Registry::get(const TotalDef& definition) {
    return impl_->only<Total>(definition);
}

Counter& Registry::get(const CounterDef& definition,
                       std::initializer_list<std::string_view> values) {
    return impl_->find_as<Counter>(definition).at({values.begin(), values.size()});
}
Gauge& Registry::get(const GaugeDef& definition, std::initializer_list<std::string_view> values) {
    return impl_->find_as<Gauge>(definition).at({values.begin(), values.size()});
}
Histogram& Registry::get(const HistogramDef& definition,
                         std::initializer_list<std::string_view> values) {
    return impl_->find_as<Histogram>(definition).at({values.begin(), values.size()});
}
Total& Registry::get(const TotalDef& definition, std::initializer_list<std::string_view> values) {
    return impl_->find_as<Total>(definition).at({values.begin(), values.size()});
}

void Registry::remove(const Definition& definition,
                      std::initializer_list<std::string_view> values) {
    impl_->find(definition).remove({values.begin(), values.size()});
}

void Registry::before_collect(std::function<void()> refresh) {
    const std::lock_guard lock(impl_->hooks_mutex);
    auto hooks = std::make_shared<Impl::Hooks>(*impl_->hooks);
    hooks->push_back(std::move(refresh));
    impl_->hooks = std::move(hooks);
}

void Registry::render(std::string& out) const {
    impl_->refresh();
    const std::size_t before = out.size();
    const std::size_t expected = impl_->last_size.load(std::memory_order_relaxed);
    out.reserve(before + expected + expected / 8);
    ExpositionWriter writer(out);
    for (const auto& family : impl_->families)
        family->render(writer);
    writer.flush();
    impl_->last_size.store(out.size() - before, std::memory_order_relaxed);
}

std::vector<prometheus::MetricFamily> Registry::Collect() const {
    impl_->refresh();
    std::vector<prometheus::MetricFamily> collected;
    collected.reserve(impl_->families.size());
    for (const auto& family : impl_->families) {
        auto one = family->collect();
        if (!one.metric.empty()) collected.push_back(std::move(one));
    }
    return collected;
}

Scope Registry::service() const noexcept {
    return impl_->service;
}

}  // namespace subcults::metrics

// What a metric is: the entry that the catalogue holds and everything else is derived from.
// Plain constants of static storage; nothing here allocates or fails.
#pragma once

#include <span>
#include <string_view>

namespace subcults::metrics {

// `total` is a counter to whoever scrapes; here its value is a double (see class Total).
enum class Kind { counter, gauge, histogram, total };

// Which service exposes a metric.
enum class Scope { api, indexer, both };

struct Label {
    std::string_view name;
    // The closed set of values, or empty when values come at run time (then `bounded_by` of the
    // definition says what keeps them few). A set that may meet unknown values holds "other".
    std::span<const std::string_view> values = {};
    // The indexer's set, where a metric of both services has a different one there.
    std::span<const std::string_view> indexer_values = {};

    constexpr std::span<const std::string_view> values_in(Scope service) const noexcept {
        return service == Scope::indexer && !indexer_values.empty() ? indexer_values : values;
    }
};

// One entry of the catalogue. All views are of static storage.
struct Definition {
    Kind kind = Kind::counter;  // set by the type of the definition, see below
    Scope scope = Scope::both;
    std::string_view name;
    std::string_view help;
    std::span<const Label> labels = {};
    // Upper bounds exactly as `le` is to be printed; rising; without +Inf.
    std::span<const std::string_view> bounds = {};
    std::string_view counts = {};      // what exactly it counts and when, for docs/metrics.md
    std::string_view bounded_by = {};  // what keeps the run-time values of its labels few

    constexpr bool exposed_by(Scope service) const noexcept {
        return scope == Scope::both || service == Scope::both || scope == service;
    }
};

// A definition whose C++ type says what kind it is, so that a mix-up does not compile.
template <Kind K>
struct DefinitionOf : Definition {
    constexpr explicit DefinitionOf(const Definition& definition) : Definition(definition) {
        kind = K;
    }
};
struct CounterDef : DefinitionOf<Kind::counter> {
    using DefinitionOf::DefinitionOf;
};
struct GaugeDef : DefinitionOf<Kind::gauge> {
    using DefinitionOf::DefinitionOf;
};
struct HistogramDef : DefinitionOf<Kind::histogram> {
    using DefinitionOf::DefinitionOf;
};
struct TotalDef : DefinitionOf<Kind::total> {
    using DefinitionOf::DefinitionOf;
};

}  // namespace subcults::metrics

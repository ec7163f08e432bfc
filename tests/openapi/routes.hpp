// The routes of a service by the names that its description has for them: "GET /streams/{id}".
#pragma once

#include "base/config.hpp"
#include "net/router.hpp"

#include <catch2/catch.hpp>

#include <algorithm>
#include <iterator>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace subcults::test {

using Variables = std::map<std::string, std::string, std::less<>>;

// Fills what the table points to from these variables, as a service does from its environment.
inline void configure(const ConfigTable& table, const Variables& variables) {
    const auto mistakes =
        table.load([&variables](std::string_view name) -> std::optional<std::string> {
            const auto found = variables.find(name);
            if (found == variables.end()) return std::nullopt;
            return found->second;
        });
    INFO(describe(mistakes));
    REQUIRE(mistakes.empty());
}

inline std::vector<std::string> route_names(const net::Router& router) {
    std::vector<std::string> names;
    for (const auto& route : router.routes())
        names.push_back(std::string(net::to_string(route->method)) + " " + route->pattern);
    std::sort(names.begin(), names.end());
    return names;
}

inline std::vector<std::string> sorted(std::vector<std::string> names) {
    std::sort(names.begin(), names.end());
    return names;
}

// What is in the first and not in the second; both sorted.
inline std::vector<std::string> missing(const std::vector<std::string>& wanted,
                                        const std::vector<std::string>& there) {
    std::vector<std::string> names;
    std::set_difference(wanted.begin(), wanted.end(), there.begin(), there.end(),
                        std::back_inserter(names));
    return names;
}

}  // namespace subcults::test

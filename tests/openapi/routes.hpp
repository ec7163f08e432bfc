// The routes of a service by the names that its description has for them: "GET /streams/{id}".
#pragma once

#include "net/router.hpp"

#include <algorithm>
#include <iterator>
#include <string>
#include <vector>

namespace subcults::test {

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

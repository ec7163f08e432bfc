// What a plain HTTP request gets. Internal to the server.
#pragma once

#include "sim/server.hpp"

#include <cstdint>
#include <optional>
#include <string>

namespace subcults::sim {

struct Server::Answer {
    unsigned status = 200;
    std::string body = {};
    const char* type = "text/plain; charset=utf-8";
    std::optional<std::int64_t> retry_after = {};
};

}  // namespace subcults::sim

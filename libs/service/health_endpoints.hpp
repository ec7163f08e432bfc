// GET /health/live and the JSON of GET /health/ready.
#pragma once

#include "net/router.hpp"

#include <functional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace subcults::service {

// 200 as long as the thread that serves it runs: {"status":"up","uptime_s":n}.
void add_liveness(net::Router& router);

struct Readiness {
    bool ready = false;
    // Shown in order: strings as they are, `json` values verbatim.
    struct Detail {
        std::string_view name;
        std::string value;
        bool json = false;
    };
    std::vector<Detail> checks;
};

// 200 when ready, else 503: {"status":"up"|"unhealthy","checks":{…},"uptime_s":n}. `ask` runs on
// the serving thread and must only read what others have found out.
void add_readiness(net::Router& router, std::function<Readiness()> ask);

}  // namespace subcults::service

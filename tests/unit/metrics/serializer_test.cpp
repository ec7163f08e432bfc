// Our rendering against prometheus-cpp's own serializer, over the same storage.
#include "exposition_reader.hpp"
#include "filled_registry.hpp"

#include "metrics/catalogue.hpp"
#include "metrics/process_metrics.hpp"
#include "metrics/registry.hpp"

#include <prometheus/text_serializer.h>

#include <catch2/catch.hpp>

#include <cmath>
#include <limits>
#include <string>

using namespace subcults;
using namespace subcults::metrics;

namespace {

void compare(const Registry& registry) {
    std::string ours;
    registry.render(ours);
    const std::string theirs = prometheus::TextSerializer().Serialize(registry.Collect());
    const auto a = test::read_exposition(ours);
    const auto b = test::read_exposition(theirs);
    CHECK(a.families == b.families);
    CHECK(a.type == b.type);
    CHECK(a.help == b.help);
    CHECK(test::difference(a, b) == "");
}

}  // namespace

TEST_CASE("our rendering and the library's serializer say the same when all is zero") {
    compare(Registry(Scope::api));
    compare(Registry(Scope::indexer));
}

TEST_CASE("our rendering and the library's serializer say the same when all is filled") {
    for (const Scope service : {Scope::api, Scope::indexer}) {
        Registry registry(service);
        test::fill(registry);
        compare(registry);
    }
}

TEST_CASE("special values are spelled for scrapers") {
    Registry registry(Scope::api);
    registry.get(catalogue::http_connections).set(std::nan(""));
    registry.get(catalogue::db_pool_waiting).set(-std::numeric_limits<double>::infinity());
    registry.get(catalogue::process_max_fds).set(std::numeric_limits<double>::infinity());
    compare(registry);
    std::string text;
    registry.render(text);
    CHECK(text.find("\nhttp_connections NaN\n") != std::string::npos);
    CHECK(text.find("\ndb_pool_waiting -Inf\n") != std::string::npos);
    CHECK(text.find("\nprocess_max_fds +Inf\n") != std::string::npos);
}

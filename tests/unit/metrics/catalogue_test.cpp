#include "exposition_reader.hpp"

#include "metrics/catalogue.hpp"
#include "metrics/registry.hpp"

#include <catch2/catch.hpp>

#include <algorithm>
#include <regex>
#include <set>
#include <string>

using namespace subcults;
using namespace subcults::metrics;

TEST_CASE("every definition follows the naming rules of its kind") {
    static const std::regex pattern("[a-z][a-z0-9]*(_[a-z0-9]+)*");
    std::set<std::string> names;
    for (const Definition* metric : catalogue::all()) {
        const std::string name(metric->name);
        INFO(name);
        CHECK(names.insert(name).second);
        CHECK(std::regex_match(name, pattern));
        const bool counts_up = metric->kind == Kind::counter || metric->kind == Kind::total;
        CHECK(name.ends_with("_total") == counts_up);
        for (const char* reserved : {"_bucket", "_sum", "_count"}) {
            CHECK_FALSE(name.ends_with(reserved));
        }
        CHECK(metric->bounds.empty() == (metric->kind != Kind::histogram));
    }
}

TEST_CASE("every definition says what it means and counts") {
    for (const Definition* metric : catalogue::all()) {
        INFO(metric->name);
        for (const std::string_view text : {metric->help, metric->counts}) {
            REQUIRE(text.size() > 5);
            CHECK(text.back() == '.');
            CHECK(text.find('\n') == std::string_view::npos);
        }
    }
}

TEST_CASE("labels name no person, place or path") {
    const std::set<std::string_view> forbidden = {
        "did",      "user",  "user_id",  "participant", "participant_id", "identity",
        "handle",   "host",  "host_did", "ip",          "path",           "url",
        "endpoint", "geo",   "lat",      "lon",         "geohash",        "location",
        "actor",    "email", "le"};
    for (const Definition* metric : catalogue::all()) {
        INFO(metric->name);
        bool free = false;
        for (const Label& label : metric->labels) {
            CHECK(forbidden.count(label.name) == 0);
            for (const char* word : {"did", "participant", "geo", "coordinate"}) {
                CHECK(label.name.find(word) == std::string_view::npos);
            }
            free = free || label.values.empty();
            // A set for one service alone would leave the other one open.
            if (!label.indexer_values.empty()) CHECK_FALSE(label.values.empty());
            for (const auto set : {label.values, label.indexer_values}) {
                const std::set<std::string_view> unique(set.begin(), set.end());
                CHECK(unique.size() == set.size());
            }
        }
        // Whoever takes values at run time has to say what bounds them.
        CHECK(metric->bounded_by.empty() == !free);
    }
}

TEST_CASE("sets that strangers can reach have a place for the unknown") {
    for (const Definition* metric :
         {static_cast<const Definition*>(&catalogue::client_errors_total),
          static_cast<const Definition*>(&catalogue::http_requests_total),
          static_cast<const Definition*>(&catalogue::http_request_duration_seconds),
          static_cast<const Definition*>(&catalogue::indexer_quarantined_total),
          static_cast<const Definition*>(&catalogue::indexer_reconnections_by_reason_total)}) {
        INFO(metric->name);
        const auto set = metric->labels.front().values;
        CHECK(std::find(set.begin(), set.end(), "other") != set.end());
    }
}

TEST_CASE("all lists the metrics of every section once") {
    std::size_t count = 0;
    for (const auto& section : catalogue::sections()) {
        CHECK_FALSE(section.metrics.empty());
        count += section.metrics.size();
    }
    CHECK(catalogue::all().size() == count);
    const std::set<const Definition*> unique(catalogue::all().begin(), catalogue::all().end());
    CHECK(unique.size() == count);
}

TEST_CASE("a scrape describes each family once and before its samples") {
    for (const Scope service : {Scope::api, Scope::indexer}) {
        const Registry registry(service);
        std::string text;
        registry.render(text);
        const auto read = test::read_exposition(text);  // throws when HELP or TYPE come twice
        CHECK(read.help.size() == read.type.size());
        for (const auto& [name, type] : read.type) {
            INFO(name);
            const auto described = text.find("# TYPE " + name + " ");
            const auto sampled = text.find("\n" + name);
            CHECK(sampled != std::string::npos);
            CHECK(described < sampled);
        }
        for (const auto& sample : read.samples) {
            INFO(sample.name);
            bool known = read.type.count(sample.name) == 1;
            for (const char* suffix : {"_bucket", "_sum", "_count"}) {
                if (!sample.name.ends_with(suffix)) continue;
                const auto family =
                    sample.name.substr(0, sample.name.size() - std::string(suffix).size());
                known = known || read.type.count(family) == 1;
            }
            CHECK(known);
        }
    }
}

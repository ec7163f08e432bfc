// docs/observability.md (and docs/quality.md) speaks of series that exist, of all that operators
// were promised, and in PromQL that Prometheus accepts. Alerts are looked at by tests/deploy.
#include "docs/printed.hpp"

#include "metrics/catalogue.hpp"
#include "support/process.hpp"
#include "support/skip.hpp"

#include <catch2/catch.hpp>

#include <algorithm>
#include <cstdlib>
#include <regex>
#include <set>

using namespace subcults::test;
namespace catalogue = subcults::metrics::catalogue;

namespace {

std::set<std::string> known_series() {
    std::set<std::string> names;
    for (const auto* definition : catalogue::all()) {
        const std::string name(definition->name);
        names.insert(name);
        if (definition->bounds.empty()) continue;
        for (const char* suffix : {"_bucket", "_sum", "_count"})
            names.insert(name + suffix);
    }
    return names;
}

// Of queries and rules: words that are spelled like series, outside of quotes.
std::set<std::string> series_in(const std::string& block) {
    static const std::regex quoted("\"[^\"]*\"|'[^']*'");
    static const std::regex series(
        "\\b(stream|indexer|background|client|livekit|ledger|audit|rate_limit|http|db|process)"
        "_[a-z0-9_]+\\b");
    const std::string text = std::regex_replace(block, quoted, "");
    std::set<std::string> names;
    for (std::sregex_iterator at(text.begin(), text.end(), series), end; at != end; ++at)
        names.insert(at->str());
    return names;
}

std::vector<std::string> queries() {
    std::vector<std::string> found;
    for (const char* name : {"observability.md", "quality.md"}) {
        for (const std::string& block : blocks(document(name), "promql")) {
            std::istringstream lines(block);
            for (std::string line; std::getline(lines, line);)
                if (!line.empty()) found.push_back(line);
        }
    }
    return found;
}

// A rules file with every query as a recorded one.
std::string as_rules(const std::vector<std::string>& expressions) {
    std::string text = "groups:\n  - name: printed\n    rules:\n";
    int number = 0;
    for (const std::string& expression : expressions) {
        text += "      - record: printed:query" + std::to_string(number++) + "\n        expr: |\n";
        text += "          " + expression + "\n";
    }
    return text;
}

}  // namespace

TEST_CASE("every query that is printed asks for series that exist") {
    const auto known = known_series();
    const auto printed = queries();
    CHECK(printed.size() >= 25);
    for (const std::string& query : printed) {
        INFO(query);
        const auto series = series_in(query);
        CHECK_FALSE(series.empty());
        for (const std::string& name : series) {
            INFO(name);
            CHECK(known.count(name) == 1);
        }
    }
}

TEST_CASE("every series about streams, quality and jobs is explained") {
    const std::string text = document("observability.md");
    const auto check = [&](const auto& definitions) {
        for (const auto* definition : definitions) {
            INFO(definition->name);
            CHECK(text.find(definition->name) != std::string::npos);
        }
    };
    check(catalogue::streaming_metrics);
    check(catalogue::quality_metrics);
    check(catalogue::job_metrics);
}

TEST_CASE("Prometheus accepts the queries as printed") {
    const char* chosen = std::getenv("SUBCULTS_PROMTOOL");
    const std::string promtool = chosen == nullptr ? "promtool" : chosen;
    if (std::system(("'" + promtool + "' --version >/dev/null 2>&1").c_str()) != 0) {
        report_skipped("promtool is not installed");
        return;
    }
    const TemporaryDirectory directory;
    const std::string rules = as_rules(queries());
    const std::string file = directory.path() / "rules.yml";
    std::ofstream(file) << rules;
    INFO(rules);
    CHECK(std::system(("'" + promtool + "' check rules '" + file + "'").c_str()) == 0);
}

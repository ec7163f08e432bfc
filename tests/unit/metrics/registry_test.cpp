#include "exposition_reader.hpp"

#include "metrics/catalogue.hpp"
#include "metrics/registry.hpp"

#include <catch2/catch.hpp>

#include <algorithm>
#include <stdexcept>
#include <string>
#include <vector>

using namespace subcults;
using namespace subcults::metrics;
using test::read_exposition;

namespace {

constexpr std::string_view states[] = {"on", "off"};
constexpr Label state_labels[] = {{"state", states}};
constexpr Label mixed_labels[] = {{"state", states}, {"name"}};
constexpr Label name_labels[] = {{"name"}};
constexpr std::string_view bounds[] = {"0.5", "1.0", "30"};

constexpr CounterDef plain{{.name = "plain_total", .help = "Plain."}};
constexpr CounterDef closed{{.name = "closed_total", .help = "Closed.", .labels = state_labels}};
constexpr CounterDef mixed{{.name = "mixed_total", .help = "Mixed.", .labels = mixed_labels}};
constexpr GaugeDef open{{.name = "open", .help = "A \\ and\na line.", .labels = name_labels}};
constexpr HistogramDef durations{
    {.name = "durations_seconds", .help = "Long.", .labels = name_labels, .bounds = bounds}};
constexpr TotalDef seconds{{.name = "spent_seconds_total", .help = "Fractions."}};
constexpr CounterDef foreign{{.scope = Scope::indexer, .name = "foreign_total", .help = "No."}};

constexpr const Definition* definitions[] = {&plain,     &closed,  &mixed,  &open,
                                             &durations, &seconds, &foreign};

std::string rendered(const Registry& registry) {
    std::string out;
    registry.render(out);
    return out;
}

}  // namespace

TEST_CASE("metrics without labels and with closed sets are present at zero") {
    const Registry registry(Scope::api, definitions);
    CHECK(rendered(registry) ==
          "# HELP plain_total Plain.\n"
          "# TYPE plain_total counter\n"
          "plain_total 0\n"
          "# HELP closed_total Closed.\n"
          "# TYPE closed_total counter\n"
          "closed_total{state=\"on\"} 0\n"
          "closed_total{state=\"off\"} 0\n"
          "# HELP spent_seconds_total Fractions.\n"
          "# TYPE spent_seconds_total counter\n"
          "spent_seconds_total 0\n");
}

TEST_CASE("a histogram prints its bounds as they are defined") {
    Registry registry(Scope::api, definitions);
    auto& histogram = registry.get(durations, {"a"});
    histogram.observe(1.0);
    histogram.observe(31.25);
    const auto text = rendered(registry);
    const std::string expected =
        "# HELP durations_seconds Long.\n"
        "# TYPE durations_seconds histogram\n"
        "durations_seconds_bucket{name=\"a\",le=\"0.5\"} 0\n"
        "durations_seconds_bucket{name=\"a\",le=\"1.0\"} 1\n"
        "durations_seconds_bucket{name=\"a\",le=\"30\"} 1\n"
        "durations_seconds_bucket{name=\"a\",le=\"+Inf\"} 2\n"
        "durations_seconds_sum{name=\"a\"} 32.25\n"
        "durations_seconds_count{name=\"a\"} 2\n";
    CHECK(text.find(expected) != std::string::npos);
}

TEST_CASE("the same label values give the same series") {
    Registry registry(Scope::api, definitions);
    auto& first = registry.get(mixed, {"on", "x"});
    CHECK(&first == &registry.get(mixed, {"on", "x"}));
    CHECK(&first != &registry.get(mixed, {"off", "x"}));
    // Values whose concatenation is the same are still different.
    CHECK(&registry.get(mixed, {"on", "ab"}) != &registry.get(mixed, {"on", "a"}));
    CHECK(&registry.get(plain) == &registry.get(plain));
}

TEST_CASE("a value outside a closed set becomes other, also beside a free label") {
    Registry registry(Scope::api, definitions);
    registry.get(closed, {"sideways"}).increment(3);
    registry.get(closed, {"upwards"}).increment(4);
    registry.get(mixed, {"sideways", "n"}).increment();
    const auto text = read_exposition(rendered(registry));
    CHECK(text.value("closed_total", {{"state", "other"}}) == 7);
    CHECK(text.value("closed_total", {{"state", "on"}}) == 0);
    CHECK(text.value("mixed_total", {{"state", "other"}, {"name", "n"}}) == 1);
}

TEST_CASE("hostile label values cannot break the exposition") {
    Registry registry(Scope::api, definitions);
    const std::string hostile = "q\"\\\n}{,=# HELP x\n";
    registry.get(open, {hostile}).set(1);
    registry.get(open, {"bad \xFF\xC0 bytes"}).set(2);
    registry.get(open, {""}).set(3);
    const auto text = read_exposition(rendered(registry));
    CHECK(text.value("open", {{"name", hostile}}) == 1);
    CHECK(text.value("open", {{"name", "bad \xEF\xBF\xBD\xEF\xBF\xBD bytes"}}) == 2);
    CHECK(text.value("open", {{"name", ""}}) == 3);
    CHECK(text.help.at("open") == "A \\ and\na line.");
}

TEST_CASE("different broken values that are repaired alike share one series") {
    Registry registry(Scope::api, definitions);
    CHECK(&registry.get(open, {"\xFF"}) == &registry.get(open, {"\xFE"}));
}

TEST_CASE("a removed series is gone and may come back from zero") {
    Registry registry(Scope::api, definitions);
    registry.get(open, {"a"}).set(1);
    registry.get(open, {"b"}).set(2);
    registry.remove(open, {"a"});
    registry.remove(open, {"never seen"});
    auto text = read_exposition(rendered(registry));
    CHECK(text.value("open", {{"name", "b"}}) == 2);
    CHECK_THROWS(text.value("open", {{"name", "a"}}));

    registry.get(open, {"a"});
    text = read_exposition(rendered(registry));
    CHECK(text.value("open", {{"name", "a"}}) == 0);

    registry.remove(open, {"a"});
    registry.remove(open, {"b"});
    CHECK(rendered(registry).find("open") == std::string::npos);
}

TEST_CASE("removing many series keeps the others and their order") {
    Registry registry(Scope::api, definitions);
    std::vector<double> expected;
    for (int i = 0; i < 500; ++i)
        registry.get(open, {std::to_string(i)}).set(i);
    for (int i = 0; i < 500; ++i) {
        if (i % 7 != 0) registry.remove(open, {std::to_string(i)});
    }
    for (int i = 0; i < 500; i += 7)
        expected.push_back(i);
    for (int i = 1000; i < 1010; ++i) {
        registry.get(open, {std::to_string(i)}).set(i);
        expected.push_back(i);
    }
    std::vector<double> values;
    for (const auto& sample : read_exposition(rendered(registry)).samples) {
        if (sample.name == "open") values.push_back(sample.value());
    }
    CHECK(values == expected);
}

TEST_CASE("series that are there from the start stay") {
    Registry registry(Scope::api, definitions);
    registry.remove(closed, {"on"});
    registry.remove(plain, {});
    const auto text = read_exposition(rendered(registry));
    CHECK(text.has("plain_total"));
    CHECK(text.value("closed_total", {{"state", "on"}}) == 0);
}

TEST_CASE("hooks run before every rendering and may use the registry") {
    Registry registry(Scope::api, definitions);
    int runs = 0;
    registry.before_collect([&] {
        registry.get(open, {"run"}).set(++runs);
        registry.get(seconds).add(0.5);
        registry.remove(open, {"gone"});
    });
    registry.get(open, {"gone"});
    const auto text = read_exposition(rendered(registry));
    CHECK(text.value("open", {{"name", "run"}}) == 1);
    CHECK_THROWS(text.value("open", {{"name", "gone"}}));
    registry.Collect();
    CHECK(runs == 2);
    CHECK(read_exposition(rendered(registry)).value("spent_seconds_total") == 1.5);
}

TEST_CASE("rendering appends to what is there") {
    const Registry registry(Scope::api, definitions);
    std::string out = "x";
    registry.render(out);
    CHECK(out == "x" + rendered(registry));
}

TEST_CASE("mistakes of the program are logic errors") {
    Registry registry(Scope::api, definitions);
    static constexpr CounterDef unlisted{{.name = "unlisted_total", .help = "?"}};
    CHECK_THROWS_AS(registry.get(unlisted), std::logic_error);
    CHECK_THROWS_AS(registry.get(foreign), std::logic_error);
    CHECK_THROWS_AS(registry.get(closed), std::logic_error);
    CHECK_THROWS_AS(registry.get(closed, {"on", "off"}), std::logic_error);
    CHECK_THROWS_AS(registry.get(plain, {"on"}), std::logic_error);
    CHECK_THROWS_AS(registry.remove(open, {}), std::logic_error);

    static constexpr std::string_view falling[] = {"2", "1"};
    static constexpr HistogramDef wrong{{.name = "wrong", .help = "?", .bounds = falling}};
    static constexpr HistogramDef without{{.name = "without", .help = "?"}};
    const Definition* one[] = {&wrong};
    CHECK_THROWS_AS(Registry(Scope::api, one), std::logic_error);
    one[0] = &without;
    CHECK_THROWS_AS(Registry(Scope::api, one), std::logic_error);
    const Definition* twice[] = {&plain, &plain};
    CHECK_THROWS_AS(Registry(Scope::api, twice), std::logic_error);
}

TEST_CASE("each service has its own metrics, and the shared ones with its own values") {
    Registry api(Scope::api);
    Registry indexer(Scope::indexer);
    const auto of_api = read_exposition(rendered(api));
    const auto of_indexer = read_exposition(rendered(indexer));

    CHECK(of_api.has("stream_joins_total"));
    CHECK_FALSE(of_api.has("indexer_upserts_total"));
    CHECK(of_indexer.has("indexer_upserts_total"));
    CHECK_FALSE(of_indexer.has("stream_joins_total"));
    CHECK_THROWS_AS(indexer.get(catalogue::stream_joins_total), std::logic_error);

    const auto job_types = [](const test::Exposition& text) {
        std::vector<std::string> types;
        for (const auto& sample : text.samples) {
            if (sample.name != "background_jobs_total") continue;
            CHECK(sample.value() == 0);
            const auto& type = sample.labels.at("job_type");
            if (std::find(types.begin(), types.end(), type) == types.end()) types.push_back(type);
        }
        return types;
    };
    CHECK(job_types(of_api) == std::vector<std::string>{"trust_recompute", "payment_processing",
                                                        "stream_cleanup", "cache_invalidation",
                                                        "report_generation", "quality_collection",
                                                        "stream_reconciliation"});
    CHECK(job_types(of_indexer) == std::vector<std::string>{"index_processing", "index_backfill"});
}

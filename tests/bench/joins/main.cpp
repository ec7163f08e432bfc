// bench_joins [--seconds N] [--rounds N] [PART...]: see docs/development.md, "Benches".
//
// One PostgreSQL, one database per round: the API under a crowd and pgbench with a transaction per
// join take turns on it, each as often first.
#include "bench/joins/crowd.hpp"
#include "bench/joins/singly.hpp"
#include "bench/joins/stage.hpp"
#include "bench/result.hpp"

#include <fmt/format.h>
#include <CLI/CLI.hpp>

#include <algorithm>
#include <cstdio>
#include <exception>
#include <stdexcept>
#include <string>
#include <vector>

namespace subcults::bench {
namespace {

constexpr double warm_up_seconds = 0.5;

struct Options {
    double seconds = 3;  // of measuring, per round and side
    int rounds = 5;
};

// One stream or many: what differs between the rows of the report.
struct Shape {
    const char* name;
    std::size_t streams;  // of those who work singly
    double aim;           // ratio to them
};
constexpr Shape hot{"hot", 1, 20};
constexpr Shape spread{"spread", spread_streams, 3};

CrowdPlan plan_for(const Stage& stage, const Shape& shape, const std::string& action) {
    const auto& streams = stage.streams();
    CrowdPlan plan;
    plan.port = stage.port();
    plan.action = action;
    if (shape.streams == 1) {
        plan.streams.assign(streams.begin(), streams.begin() + 1);
    } else {
        plan.streams.assign(streams.begin() + 1, streams.end());
    }
    plan.tokens = stage.tokens();
    plan.keyed = action == "join";  // tokens know no key
    return plan;
}

// What the API does for one shape and one action, over the rounds.
struct Series {
    std::vector<double> rates;
    std::vector<double> cpu_us;  // of the API's process, per answer
    std::vector<double> p50_ms;  // at half that rate
    std::vector<double> p99_ms;
    std::vector<double> singly;   // as many statements as the work takes
    std::vector<double> at_once;  // as one
};

void measure_api(const Stage& stage, const Shape& shape, const std::string& action,
                 const Options& options, Series& series, bool latency) {
    const bool joins = action == "join";
    stage.checkpoint();
    const std::uint64_t stored = stage.stored_joins();
    std::vector<double> cpu;
    Crowd crowd(plan_for(stage, shape, action));
    const Crowd::Window window = crowd.flat_out(warm_up_seconds, options.seconds,
                                                [&] { cpu.push_back(stage.cpu_seconds()); });
    series.rates.push_back(window.rate());
    series.cpu_us.push_back((cpu[1] - cpu[0]) * 1e6 / static_cast<double>(window.answers));
    if (latency) {
        stage.checkpoint();
        const double half = window.rate() / 2;
        const std::vector<double> times = crowd.paced(half, warm_up_seconds, options.seconds);
        series.p50_ms.push_back(quantile(times, 0.5) * 1e3);
        series.p99_ms.push_back(quantile(times, 0.99) * 1e3);
    }
    // Fast answers about nothing would be no joins.
    if (joins && stage.stored_joins() - stored != crowd.acknowledged()) {
        throw std::runtime_error("the database does not hold what was answered");
    }
}

void measure_singly(const Stage& stage, const Shape& shape, const Options& options, Series& joins,
                    Series& tokens, bool with_joins, bool with_tokens) {
    const auto rate = [&](SingleWork work) {
        stage.checkpoint();
        return singly(stage.database_url(), work, shape.streams, options.seconds);
    };
    if (with_joins) {
        joins.singly.push_back(rate(SingleWork::join));
        joins.at_once.push_back(rate(SingleWork::join_at_once));
    }
    if (with_tokens) tokens.singly.push_back(rate(SingleWork::token));
}

void print_rate(const std::string& name, const char* unit, const Series& series,
                const std::vector<double>& reference, double aim) {
    BenchResult result;
    result.name = name;
    result.unit = unit;
    result.value = summarise(series.rates);
    result.reference = summarise(reference).median;
    if (aim > 0) aim_at_ratio(result, aim);
    print(result);
}

void print_plain(const std::string& name, const char* unit, const std::vector<double>& rounds) {
    BenchResult result;
    result.name = name;
    result.unit = unit;
    result.value = summarise(rounds);
    print(result);
}

void print_joins(const Shape& shape, const Series& series) {
    const std::string name = std::string("joins_") + shape.name;
    print_rate(name, "joins/s", series, series.singly, shape.aim);
    print_rate(name + "_at_once", "joins/s", series, series.at_once, 0);
    print_plain(name + "_p50", "ms", series.p50_ms);
    print_plain(name + "_p99", "ms", series.p99_ms);
    print_plain(name + "_cpu", "us/join", series.cpu_us);
}

void print_tokens(const Shape& shape, const Series& series) {
    const std::string name = std::string("tokens_") + shape.name;
    print_rate(name, "tokens/s", series, series.singly, 0);
    print_plain(name + "_cpu", "us/token", series.cpu_us);
}

void say(const char* what, const Shape& shape, const Series& series) {
    progress(fmt::format("{} {}: {:.0f}/s, {:.1f} us each; one by one {:.0f}/s", what, shape.name,
                         series.rates.back(), series.cpu_us.back(), series.singly.back()));
}

void run(const Options& options, bool with_joins, bool with_tokens) {
    constexpr const Shape* shapes[] = {&hot, &spread};
    Series joins[2];
    Series tokens[2];
    for (int round = 0; round < options.rounds; ++round) {
        const Stage stage;
        const bool api_first = round % 2 == 0;
        for (const bool api : {api_first, !api_first}) {
            for (std::size_t i = 0; i < 2; ++i) {
                const Shape& shape = *shapes[i];
                if (!api) {
                    measure_singly(stage, shape, options, joins[i], tokens[i], with_joins,
                                   with_tokens);
                    continue;
                }
                if (with_joins) measure_api(stage, shape, "join", options, joins[i], true);
                if (with_tokens) measure_api(stage, shape, "token", options, tokens[i], false);
            }
        }
        for (std::size_t i = 0; i < 2; ++i) {
            if (with_joins) say("joins", *shapes[i], joins[i]);
            if (with_tokens) say("tokens", *shapes[i], tokens[i]);
        }
    }
    for (std::size_t i = 0; with_joins && i < 2; ++i)
        print_joins(*shapes[i], joins[i]);
    for (std::size_t i = 0; with_tokens && i < 2; ++i)
        print_tokens(*shapes[i], tokens[i]);
}

}  // namespace
}  // namespace subcults::bench

int main(int argc, char** argv) {
    CLI::App app("Measures joins and tokens against a transaction each on the same PostgreSQL.");
    subcults::bench::Options options;
    std::vector<std::string> wanted;
    app.add_option("--seconds", options.seconds, "length of a round")
        ->check(CLI::Range(0.2, 600.0));
    app.add_option("--rounds", options.rounds, "rounds of each")->check(CLI::Range(1, 100));
    app.add_option("part", wanted, "what to measure; nothing = all")
        ->check(CLI::IsMember({"joins", "tokens"}));
    CLI11_PARSE(app, argc, argv);
    const auto chosen = [&wanted](const char* part) {
        return wanted.empty() || std::find(wanted.begin(), wanted.end(), part) != wanted.end();
    };
    try {
        subcults::bench::run(options, chosen("joins"), chosen("tokens"));
    } catch (const std::exception& error) {
        std::fprintf(stderr, "bench_joins: %s\n", error.what());
        return 1;
    }
    return 0;
}

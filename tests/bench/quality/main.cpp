// bench_quality [--seconds N] [--rounds N] [PART...]: see docs/development.md, "Benches".
//
// One PostgreSQL, one database per round: reports as fast as they are answered, the same rows by
// the database alone, and joins at half of what is possible, with and without reports beside them.
#include "bench/joins/crowd.hpp"
#include "bench/joins/stage.hpp"
#include "bench/quality/hall.hpp"
#include "bench/result.hpp"

#include <fmt/format.h>
#include <CLI/CLI.hpp>

#include <algorithm>
#include <cstdio>
#include <exception>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

namespace subcults::bench {
namespace {

constexpr double warm_up_seconds = 0.5;
constexpr double least_windows = 20'000;  // per second: what is promised on two cores
constexpr double most_delay = 1.2;        // of joins, beside a tenth of that

struct Options {
    double seconds = 3;  // of measuring, per round and side
    int rounds = 5;
};

struct Series {
    std::vector<double> windows;       // per second, stored
    std::vector<double> alone;         // rows per second, by the database alone
    std::vector<double> cpu_us;        // of the API's process, per window
    std::vector<double> p99_ms;        // of a report, at half that rate
    std::vector<double> join_ms;       // p99 of a join at half load
    std::vector<double> join_also_ms;  // the same beside reports
};

CrowdPlan joiners(const Stage& stage) {
    CrowdPlan plan;
    plan.port = stage.port();
    plan.action = "join";
    // Other streams than those that are reported on: what is measured is not the same rows.
    plan.streams.assign(stage.streams().begin() + reported_streams, stage.streams().end());
    plan.tokens = stage.tokens();
    plan.keyed = true;
    return plan;
}

void measure_reports(const Stage& stage, const Options& options, Series& series) {
    stage.checkpoint();
    series.alone.push_back(rows_alone(stage, options.seconds));
    stage.checkpoint();
    const std::uint64_t before = stored_windows(stage);
    std::vector<double> cpu;
    Crowd crowd(reporters(stage, 256));
    const Crowd::Window window = crowd.flat_out(warm_up_seconds, options.seconds,
                                                [&] { cpu.push_back(stage.cpu_seconds()); });
    const double rate = window.rate() * windows_per_report;
    series.windows.push_back(rate);
    series.cpu_us.push_back((cpu[1] - cpu[0]) * 1e6 /
                            static_cast<double>(window.answers * windows_per_report));
    stage.checkpoint();
    const std::vector<double> times =
        crowd.paced(window.rate() / 2, warm_up_seconds, options.seconds);
    series.p99_ms.push_back(quantile(times, 0.99) * 1e3);
    // Fast answers about nothing would be no reports.
    if (stored_windows(stage) - before != crowd.acknowledged() * windows_per_report) {
        throw std::runtime_error("the database does not hold what was answered");
    }
}

double join_p99(const Stage& stage, Crowd& crowd, double rate, double seconds) {
    stage.checkpoint();
    return quantile(crowd.paced(rate, warm_up_seconds, seconds), 0.99) * 1e3;
}

void measure_joins(const Stage& stage, const Options& options, Series& series, bool quiet_first) {
    Crowd crowd(joiners(stage));
    stage.checkpoint();
    const double half = crowd.flat_out(warm_up_seconds, options.seconds, [] {}).rate() / 2;
    const auto beside_reports = [&] {
        Crowd reporting(reporters(stage, 64));
        std::exception_ptr failed;
        std::thread reports([&] {
            try {
                // Somewhat longer than the joins, so that none of them is without it.
                reporting.paced(least_windows / 10 / windows_per_report, 0,
                                2 * warm_up_seconds + options.seconds + 0.5);
            } catch (...) {
                failed = std::current_exception();
            }
        });
        double p99 = 0;
        try {
            p99 = join_p99(stage, crowd, half, options.seconds);
        } catch (...) {
            reports.join();
            throw;
        }
        reports.join();
        if (failed) std::rethrow_exception(failed);
        return p99;
    };
    for (const bool quiet : {quiet_first, !quiet_first}) {
        if (quiet) {
            series.join_ms.push_back(join_p99(stage, crowd, half, options.seconds));
        } else {
            series.join_also_ms.push_back(beside_reports());
        }
    }
}

BenchResult made(const char* name, const char* unit, const std::vector<double>& rounds) {
    BenchResult result;
    result.name = name;
    result.unit = unit;
    result.value = summarise(rounds);
    return result;
}

void print_reports(const Series& series) {
    BenchResult rate = made("quality_windows", "windows/s", series.windows);
    rate.reference = summarise(series.alone).median;
    rate.aim = fmt::format("value >= {}", least_windows);
    rate.met = rate.value.median >= least_windows;
    print(rate);
    print(made("quality_windows_cpu", "us/window", series.cpu_us));
    print(made("quality_report_p99", "ms", series.p99_ms));
}

void print_joins(const Series& series) {
    BenchResult joins = made("quality_join_p99", "ms", series.join_also_ms);
    joins.reference = summarise(series.join_ms).median;
    aim_below_reference(joins, most_delay, 0);
    print(joins);
}

void run(const Options& options, bool with_reports, bool with_joins) {
    Series series;
    for (int round = 0; round < options.rounds; ++round) {
        const Stage stage;
        admit_everybody(stage);
        if (with_reports) {
            measure_reports(stage, options, series);
            progress(fmt::format("reports: {:.0f} windows/s, {:.1f} us each; rows alone {:.0f}/s",
                                 series.windows.back(), series.cpu_us.back(), series.alone.back()));
        }
        if (with_joins) {
            measure_joins(stage, options, series, round % 2 == 0);
            progress(fmt::format("joins: p99 {:.2f} ms, beside reports {:.2f} ms",
                                 series.join_ms.back(), series.join_also_ms.back()));
        }
    }
    if (with_reports) print_reports(series);
    if (with_joins) print_joins(series);
}

}  // namespace
}  // namespace subcults::bench

int main(int argc, char** argv) {
    CLI::App app("Measures reports of audio quality, and what they cost joins.");
    subcults::bench::Options options;
    std::vector<std::string> wanted;
    app.add_option("--seconds", options.seconds, "length of a round")
        ->check(CLI::Range(0.2, 600.0));
    app.add_option("--rounds", options.rounds, "rounds of each")->check(CLI::Range(1, 100));
    app.add_option("part", wanted, "what to measure; nothing = all")
        ->check(CLI::IsMember({"reports", "joins"}));
    CLI11_PARSE(app, argc, argv);
    const auto chosen = [&wanted](const char* part) {
        return wanted.empty() || std::find(wanted.begin(), wanted.end(), part) != wanted.end();
    };
    try {
        subcults::bench::run(options, chosen("reports"), chosen("joins"));
    } catch (const std::exception& error) {
        std::fprintf(stderr, "bench_quality: %s\n", error.what());
        return 1;
    }
    return 0;
}

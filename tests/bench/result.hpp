// What a bench found, and how it is said: one JSON object per line on standard output, progress on
// standard error. `./dev bench` makes tables or one document of it (tests/bench/report).
#pragma once

#include <optional>
#include <string>
#include <vector>

namespace subcults::bench {

// The middle of several rounds and their extremes. Of an even number: the mean of the two middles.
struct Summary {
    double median = 0;
    double min = 0;
    double max = 0;
};
Summary summarise(std::vector<double> rounds);  // not empty

// The value below which a part of the samples lies (nearest rank); `part` in 0..1.
double quantile(std::vector<double> samples, double part);  // not empty

struct BenchResult {
    std::string name;
    std::string unit;
    Summary value;
    std::optional<double> reference = {};  // measured in the same run, same unit
    // What is promised, in words a machine can read, and whether it holds: "ratio >= 0.85".
    std::string aim = {};
    std::optional<bool> met = {};
};

// The ratio of value and reference is `ratio` or better; greater is better.
void aim_at_ratio(BenchResult& result, double ratio);
// The value is at most so much; less is better.
void aim_below(BenchResult& result, double limit);
// The value is at most `factor` references and `more`.
void aim_below_reference(BenchResult& result, double factor, double more);

void print(const BenchResult& result);
void print_skipped(const std::string& name, const std::string& unit, const std::string& reason);
void progress(const std::string& text);

}  // namespace subcults::bench

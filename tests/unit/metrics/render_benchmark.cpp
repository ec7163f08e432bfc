// Hidden: run with `unit_metrics "[benchmark]"` on a release build.
#include "exposition_reader.hpp"
#include "render_workload.hpp"

#include <catch2/catch.hpp>

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdio>
#include <string>
#include <vector>

using namespace subcults;

namespace {

template <class Work>
double seconds(Work work) {
    const auto begin = std::chrono::steady_clock::now();
    const std::string text = work();
    const std::chrono::duration<double> spent = std::chrono::steady_clock::now() - begin;
    return text.empty() ? 0 : spent.count();
}

double median(std::vector<double> times) {
    const auto middle = times.begin() + static_cast<std::ptrdiff_t>(times.size() / 2);
    std::nth_element(times.begin(), middle, times.end());
    return *middle;
}

}  // namespace

TEST_CASE("the render workload is the same for both sides") {
    const test::RenderWorkload workload(1'000);
    const auto ours = test::read_exposition(workload.ours());
    const auto theirs = test::read_exposition(workload.theirs());
    CHECK(ours.samples.size() > 900);
    CHECK(test::difference(ours, theirs) == "");
}

TEST_CASE("rendering is at least three times as fast as the library's path", "[.benchmark]") {
    for (const std::size_t lines : {1'000U, 10'000U, 50'000U}) {
        const test::RenderWorkload workload(lines);
        const int rounds = static_cast<int>(std::max<std::size_t>(15, 200'000 / lines));
        // In turns, so that whatever else the machine does meets both sides.
        std::vector<double> their_times;
        std::vector<double> our_times;
        for (int i = 0; i < rounds; ++i) {
            their_times.push_back(seconds([&] { return workload.theirs(); }));
            our_times.push_back(seconds([&] { return workload.ours(); }));
        }
        const double theirs = median(their_times);
        const double ours = median(our_times);
        std::printf("%6zu lines: %8.3f ms against %8.3f ms, %.1f times as fast, %zu bytes\n", lines,
                    ours * 1e3, theirs * 1e3, theirs / ours, workload.ours().size());
        CHECK(theirs / ours >= 3);
    }
}

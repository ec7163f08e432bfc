#include "exposition_reader.hpp"

#include "base/build_info.hpp"
#include "metrics/process_metrics.hpp"
#include "metrics/registry.hpp"

#include <catch2/catch.hpp>

#include <string>

using namespace subcults;
using namespace subcults::metrics;

TEST_CASE("a process status line is read whatever the command is called") {
    const auto stat = parse_process_stat(
        "4242 (evil) 1 2 (x) S 1 4242 4242 0 -1 4194560 1000 0 0 0 250 50 7 8 20 0 12 0 "
        "98765 123456789 4321 18446744073709551615 1 1 0 0\n");
    REQUIRE(stat);
    CHECK(stat->cpu_ticks == 300);
    CHECK(stat->threads == 12);
    CHECK(stat->start_ticks == 98765);
    CHECK(stat->virtual_bytes == 123456789);
    CHECK(stat->resident_pages == 4321);
}

TEST_CASE("a process status line that is cut short or strange is refused") {
    CHECK_FALSE(parse_process_stat(""));
    CHECK_FALSE(parse_process_stat("1 (a) S 1 2 3"));
    CHECK_FALSE(parse_process_stat("1 a S 1 2 3"));
    CHECK_FALSE(parse_process_stat("1 (a) S x y z 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18"));
    CHECK(parse_boot_time("cpu 1 2 3\nbtime 1769650000\nprocesses 7\n") == 1769650000.0);
    CHECK_FALSE(parse_boot_time("cpu 1 2 3\n"));
    CHECK_FALSE(parse_boot_time("cpu 1\nbtime x\n"));
}

TEST_CASE("a scrape knows the process and its build") {
    Registry registry(Scope::api);
    add_process_metrics(registry);
    std::string text;
    registry.render(text);
    const auto read = test::read_exposition(text);
    CHECK(read.value("process_resident_memory_bytes") > 1'000'000);
    CHECK(read.value("process_virtual_memory_bytes") >=
          read.value("process_resident_memory_bytes"));
    CHECK(read.value("process_threads") >= 1);
    CHECK(read.value("process_open_fds") >= 3);
    CHECK(read.value("process_max_fds") >= read.value("process_open_fds"));
    CHECK(read.value("process_start_time_seconds") > 1'500'000'000);
    CHECK(read.value("process_cpu_seconds_total") >= 0);
    CHECK(read.type.at("process_cpu_seconds_total") == "counter");
    const auto& build = build_info();
    CHECK(read.value("subcults_build_info", {{"version", std::string(build.version)},
                                             {"revision", std::string(build.revision)},
                                             {"compiler", std::string(build.compiler)}}) == 1);
}

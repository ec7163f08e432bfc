#include "base/build_info.hpp"

#include <catch2/catch.hpp>

#include <algorithm>

TEST_CASE("a build knows its version, its revision and its compiler") {
    const subcults::BuildInfo& info = subcults::build_info();
    CHECK(std::count(info.version.begin(), info.version.end(), '.') == 2);
    CHECK_FALSE(info.revision.empty());
    CHECK_FALSE(info.compiler.empty());
    CHECK(info.revision.find_first_of(" \n\"\\") == std::string_view::npos);
}

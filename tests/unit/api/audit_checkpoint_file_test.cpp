#include "audit/checkpoint_file.hpp"

#include <catch2/catch.hpp>

#include <stdlib.h>
#include <filesystem>
#include <fstream>
#include <stdexcept>

using namespace subcults;
using namespace subcults::api;

namespace {

struct Directory {
    std::filesystem::path path;
    Directory() {
        std::string made = (std::filesystem::temp_directory_path() / "checkpoints-XXXXXX").string();
        if (::mkdtemp(made.data()) == nullptr) throw std::runtime_error("no directory");
        path = made;
    }
    ~Directory() { std::filesystem::remove_all(path); }
    Directory(const Directory&) = delete;
    Directory& operator=(const Directory&) = delete;
};

struct Exported : Directory {
    PrivacyKeys keys{{Secret(std::string(32, 'k'))}};
    std::string name = (path / "file").string();
    CheckpointFile file{name};
    Checkpoint first = make_checkpoint(keys, nullptr, UnixMicros{1'000'000}, {});
    Checkpoint second = make_checkpoint(keys, &first, UnixMicros{2'000'000}, {});

    std::string text() const {
        std::ifstream in(name, std::ios::binary);
        return {std::istreambuf_iterator<char>(in), std::istreambuf_iterator<char>()};
    }
};

}  // namespace

TEST_CASE_METHOD(Exported, "checkpoints are appended, and the newest is found again") {
    auto last = file.last();
    REQUIRE(last.has_value());
    CHECK_FALSE(last->has_value());
    REQUIRE(file.append({first}).has_value());
    REQUIRE(file.append({second}).has_value());
    CHECK(text() == checkpoint_line(first) + "\n" + checkpoint_line(second) + "\n");
    last = CheckpointFile(name).last();
    REQUIRE(last.has_value());
    REQUIRE(last->has_value());
    CHECK((**last == second));
}

TEST_CASE_METHOD(Exported, "a line that was never finished is cut off by the next one") {
    SECTION("behind another one") {
        REQUIRE(file.append({first}).has_value());
        std::ofstream(name, std::ios::app) << "{\"number\":2,";
        const auto last = file.last();
        REQUIRE(last.has_value());
        REQUIRE(last->has_value());
        CHECK((**last == first));
        REQUIRE(file.append({second}).has_value());
        CHECK(text() == checkpoint_line(first) + "\n" + checkpoint_line(second) + "\n");
    }
    SECTION("as the only one") {
        std::ofstream(name) << "{\"numb";
        const auto last = file.last();
        REQUIRE(last.has_value());
        CHECK_FALSE(last->has_value());
        REQUIRE(file.append({first}).has_value());
        CHECK(text() == checkpoint_line(first) + "\n");
    }
}

TEST_CASE_METHOD(Exported, "a file that holds something else, or cannot be had, is left alone") {
    std::ofstream(name) << "no checkpoint\n";
    CHECK_FALSE(file.last().has_value());
    CHECK_FALSE(CheckpointFile((path / "nowhere" / "file").string()).append({first}).has_value());
}

// The decoder against a second reading of the same bytes by another parser: tests/fuzz searches for
// differences, this holds on to what must never differ.
#include "frames.hpp"
#include "fuzz/frame_reading.hpp"
#include "jetstream/decoder.hpp"
#include "mutations.hpp"
#include "sim/generator.hpp"
#include "support/skip.hpp"

#include <catch2/catch.hpp>
#include <string>
#include <vector>

using namespace subcults::jetstream;
namespace fuzz = subcults::fuzz;
namespace sim = subcults::sim;
using fuzz::Verdict;

namespace {

struct Tally {
    std::size_t accepted = 0;
    std::size_t refused = 0;
    std::size_t undecided = 0;
};

// Both verdicts and, where both accept, every field.
void compare(Decoder& decoder, const std::string& frame, Tally& tally) {
    const fuzz::Reading reading = fuzz::read_independently(frame);
    const auto decoded = decoder.decode(frame, false);
    if (reading.verdict == Verdict::undecided) {
        ++tally.undecided;
        return;
    }
    const bool accepted = reading.verdict == Verdict::accepted;
    ++(accepted ? tally.accepted : tally.refused);
    if (decoded.has_value() != accepted) {
        INFO(frame);
        INFO("the reading: " << reading.why);
        INFO("the decoder: " << (decoded.has_value()
                                     ? std::string("accepts")
                                     : decoded.error().path + " " + decoded.error().reason));
        FAIL_CHECK("two verdicts");
        return;
    }
    if (!accepted) return;
    const char* const field = fuzz::difference(**decoded, reading, frame);
    if (field == nullptr) return;
    INFO(frame);
    FAIL_CHECK("the events differ in " << field);
}

std::vector<std::string> generated(std::size_t count) {
    sim::GeneratorOptions options;
    options.seed = 11;
    options.dids = 40;
    sim::Generator generator(options);
    std::vector<std::string> frames;
    for (std::size_t i = 0; i < count; ++i) {
        frames.push_back(
            generator.next(1'783'175'888'000'000 + static_cast<std::int64_t>(i) * 1000).frame);
    }
    return frames;
}

void compare_mutations(const std::vector<std::string>& frames, std::uint64_t seed,
                       std::size_t count) {
    Decoder decoder{CollectionFilter({})};
    test::Mutator mutator(seed);
    Tally tally;
    for (std::size_t i = 0; i < count; ++i)
        compare(decoder, mutator.mutate(frames[i % frames.size()]), tally);
    INFO(tally.accepted << " accepted, " << tally.refused << " refused, " << tally.undecided
                        << " undecided");
    // The comparison means something only when both verdicts are common.
    CHECK(tally.accepted > count / 10);
    CHECK(tally.refused > count / 10);
    CHECK(tally.undecided < count / 10);
}

}  // namespace

TEST_CASE("Two parsers read the same from frames of every kind") {
    Decoder decoder{CollectionFilter({})};
    Tally tally;
    for (const std::string& frame :
         {test::commit_frame(), test::identity_frame(), test::account_frame()})
        compare(decoder, frame, tally);
    for (const std::string& frame : generated(2'000))
        compare(decoder, frame, tally);
    CHECK(tally.accepted == 2'003);
}

TEST_CASE("Two parsers read the same from real events") {
    const std::vector<std::string> frames = test::real_frames();
    if (frames.empty()) return subcults::test::report_skipped("no recorded events on this machine");
    Decoder decoder{CollectionFilter({})};
    Tally tally;
    for (const std::string& frame : frames)
        compare(decoder, frame, tally);
    CHECK(tally.accepted == frames.size());
}

TEST_CASE("Two parsers come to one verdict on thousands of mutated frames") {
    std::vector<std::string> frames = generated(500);
    for (int i = 0; i < 60; ++i) {
        frames.push_back(test::identity_frame());
        frames.push_back(test::account_frame());
    }
    compare_mutations(frames, 20'260'704, 12'000);
}

TEST_CASE("Two parsers come to one verdict on thousands of mutated real events") {
    const std::vector<std::string> frames = test::real_frames();
    if (frames.empty()) return subcults::test::report_skipped("no recorded events on this machine");
    compare_mutations(frames, 7, 8'000);
}

// Found by fuzzing, in the second parser: it is the comparison that has to survive such numbers.
TEST_CASE("Two parsers come to one verdict on zeros with large exponents") {
    Decoder decoder{CollectionFilter({})};
    Tally tally;
    for (const char* frame :
         {"0e111", "0e111e11",
          R"({"did":"did:plc:wq4aajammjtxdomz3e23667t","time_us":0e111,"kind":"identity"})"})
        compare(decoder, frame, tally);
    CHECK(tally.accepted == 0);
}

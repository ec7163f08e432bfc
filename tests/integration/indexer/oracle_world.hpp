// A seeded stream whose outcome is known: a generated world with, strewn among it, everything that
// must not get through.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

namespace subcults::test {

enum class FrameKind {
    ordinary,   // of the generated world
    malformed,  // no JSON: quarantined
    invalid,    // a record that breaks its lexicon: stored as it is, not shown, quarantined
    forbidden,  // private data in a record: leaves a tombstone, content kept nowhere
    refused,    // only the database says no (see refuse_in): quarantined after bisection
    unwanted,   // of a collection that nobody asked for
};

struct OracleWorld {
    std::vector<std::string> frames;
    std::vector<FrameKind> kinds;
    std::int64_t last_us = 0;  // stamp of the last frame, which is an ordinary commit

    std::size_t count(FrameKind kind) const;
    // What a fold of the world's records has to be fed with.
    std::vector<std::string> frames_for_fold() const;
};

OracleWorld make_world(std::uint64_t seed, std::size_t dids, std::size_t frames);

// JETSTREAM_COLLECTIONS for it: so long a list that servers filter nothing, and the indexer does.
std::string oracle_collections();

// The constraint by which a database refuses the frames of that kind.
inline constexpr const char* refuse_in =
    "ALTER TABLE records ADD CONSTRAINT refused CHECK (rkey NOT LIKE 'refused%')";

}  // namespace subcults::test

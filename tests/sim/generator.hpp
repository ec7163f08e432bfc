// A seeded, endless world of Subcults records as a Jetstream v1 server would send them.
//
// The same seed, number of people and times give the same frames, byte for byte, on every
// machine: a test that runs its own generator knows what a server with that seed must have sent.
// Every frame is valid: records follow their lexicons, revisions of a DID rise, references name
// records that exist, existed or (now and then) are written later.
//
// Mix: about 3 % identity and 1 % account events; of the commits 75 % creates, 15 % updates and
// 10 % deletes, until `max_records` live: from then on a create gives way to a delete.
// Not thread-safe. Cost: some 10 µs per event.
#pragma once

#include "jetstream/event.hpp"

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>

namespace subcults::sim {

struct GeneratorOptions {
    std::uint64_t seed = 1;
    std::size_t dids = 500;  // at least 2; deleted accounts are replaced by new ones
    std::size_t max_records = 100'000;
};

// One event with everything that its frame says.
struct GeneratedEvent {
    jetstream::Kind kind = jetstream::Kind::commit;
    jetstream::Operation operation = jetstream::Operation::create;
    std::int64_t time_us = 0;
    std::string did;
    std::string rev;
    std::string collection;
    std::string rkey;
    std::string cid;
    std::string record;
    std::optional<std::string> handle;
    bool active = true;
    std::optional<std::string> status;
    std::int64_t upstream_seq = 0;
    std::string frame;  // the JSON text, one line without its end
};

class Generator {
  public:
    explicit Generator(GeneratorOptions options);
    ~Generator();
    Generator(Generator&&) noexcept;
    Generator& operator=(Generator&&) noexcept;

    // The next event, stamped with `time_us` or, if that does not rise, one later than the last.
    GeneratedEvent next(std::int64_t time_us);

  private:
    struct Impl;
    std::unique_ptr<Impl> impl_;
};

}  // namespace subcults::sim

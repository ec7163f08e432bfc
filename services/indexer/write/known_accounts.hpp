// Which accounts the database is known to know, so that a batch need not tell it again.
//
// `accounts.since_us` of an account only ever falls. So once a commit has set it to T or below, the
// statement that makes accounts known has nothing to do for an event of T or later, and in the
// steady state it is left out altogether.
//
// Forgets everything when it is full, and must be told to when somebody else may have changed the
// database. Accounts are kept as 64-bit hashes: that one is mistaken for another costs the first
// its row in `accounts` until it writes something older, with a probability of 2^-48 per account.
//
// Not thread-safe. Memory: about 3 MB when full. Cost: a hash and a look-up per account and batch.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>
#include <unordered_map>

namespace subcults::indexer {

class KnownAccounts {
  public:
    explicit KnownAccounts(std::size_t capacity = 65'536) : capacity_(capacity) {}

    // Whether telling the database about this account and stamp would change nothing.
    bool knows(std::string_view did, std::int64_t since_us) const;
    // After a commit that told it.
    void remember(std::string_view did, std::int64_t since_us);
    void forget() noexcept { since_.clear(); }

    std::size_t size() const noexcept { return since_.size(); }

  private:
    std::size_t capacity_;
    std::unordered_map<std::uint64_t, std::int64_t> since_;  // by hash of the DID
};

}  // namespace subcults::indexer

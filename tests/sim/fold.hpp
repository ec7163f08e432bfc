// What must be left when every event of a feed has been applied: the oracle of the indexer's tests.
//
// Rules: per (did, collection, rkey) the highest revision wins; a delete leaves nothing to read; a
// deleted account takes all its records with it; other inactive accounts only hide theirs.
// Applying an event again, or an older one late, changes nothing. Not thread-safe.
#pragma once

#include "sim/generator.hpp"

#include <compare>
#include <cstddef>
#include <map>
#include <string>

namespace subcults::sim {

class Fold {
  public:
    struct Key {
        std::string did;
        std::string collection;
        std::string rkey;
        auto operator<=>(const Key&) const = default;
    };
    struct Entry {
        std::string rev;
        std::string cid;
        std::string record;  // empty = deleted
        bool live() const noexcept { return !record.empty(); }
    };
    struct Account {
        bool active = true;
        std::string status;  // of an inactive account
        std::string handle;  // the last one named; empty = none yet
        std::int64_t account_seq = 0;
        std::int64_t identity_seq = 0;
    };

    void apply(const GeneratedEvent& event);

    // Tombstones included.
    const std::map<Key, Entry>& entries() const noexcept { return entries_; }
    const std::map<std::string, Account>& accounts() const noexcept { return accounts_; }
    std::size_t live() const noexcept;
    // Live records of active accounts: what a reader may see.
    std::size_t visible() const noexcept;

  private:
    std::map<Key, Entry> entries_;
    std::map<std::string, Account> accounts_;
};

}  // namespace subcults::sim

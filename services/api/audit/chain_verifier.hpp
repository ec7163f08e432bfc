// Is this chain what was written? Recomputes every MAC and says what does not fit: edits, entries
// that are missing in the middle or at the end, entries that were put in or swapped.
//
// Sans I/O: feed the entries of one entity in the order of seq, then the head. What one change did
// is reported once where that can be told: after a gap, the entry behind it has nothing to be
// checked against. Cost: about 2 µs per entry. Not thread-safe (it uses MAC contexts).
//
// What it cannot see: a chain that was cut back together with its head and counts, or a whole
// database that was set back: signed checkpoints show those (checkpoint_verifier.hpp). And whether
// an actor was emptied by an erasure or by somebody: that takes the sums over all chains.
#pragma once

#include "audit/audit_rows.hpp"

#include <compare>
#include <string>
#include <vector>

namespace subcults::api {

struct AuditFinding {
    Uuid entity;           // nil = not about one chain
    std::int64_t seq = 0;  // 0 = not about one entry
    std::string what;      // a sentence without the final stop
    // Nothing is known to be wrong: a key or a part is missing, so that it cannot be told here.
    bool unjudged = false;
    auto operator<=>(const AuditFinding&) const = default;
};

// What the entity's own row says about its chain.
struct ChainHead {
    std::int64_t seq = 0;
    std::string hash;
    // Sessions count what their chain tells; nullopt for other entities.
    std::optional<std::int64_t> joins = std::nullopt;
    std::optional<std::int64_t> leaves = std::nullopt;
    // The time of the last entry, and what kind of entity it is; nullopt = the source does not say.
    std::optional<UnixMicros> at = std::nullopt;
    std::optional<std::string> entity_type = std::nullopt;
    bool twice = false;  // more than one row says so
};

// Entries whose actor, or whose target, was emptied.
struct EmptiedEntries {
    std::int64_t actors = 0;
    std::int64_t targets = 0;
    EmptiedEntries& operator+=(const EmptiedEntries& other) noexcept {
        actors += other.actors;
        targets += other.targets;
        return *this;
    }
    bool operator==(const EmptiedEntries&) const = default;
};

class ChainVerifier {
  public:
    // `after`: entries up to this seq are not shown; the first one shown is then only the hash that
    // the next is checked against, and counts cannot be compared.
    ChainVerifier(PrivacyKeys& keys, Uuid entity, std::int64_t after = 0)
        : keys_(keys), entity_(entity), last_seq_(after), partial_(after > 0) {}

    void add(const StoredEntry& entry);
    // The end of the chain; nullptr = there is no row that knows of it.
    void finish(const ChainHead* head);

    const std::vector<AuditFinding>& findings() const noexcept { return findings_; }
    std::int64_t entries() const noexcept { return entries_; }
    const EmptiedEntries& emptied() const noexcept { return emptied_; }
    // What its entries about erasures say that they emptied, in whichever chains.
    const EmptiedEntries& told() const noexcept { return told_; }
    std::int64_t last_seq() const noexcept { return last_seq_; }

  private:
    void check(const StoredEntry& entry);
    void check_hidden(const StoredEntry& entry);
    void check_head(const ChainHead& head);
    void check_counts(const ChainHead& head);
    void count(const StoredEntry& entry);
    void found(std::int64_t seq, std::string what, bool unjudged = false);

    PrivacyKeys& keys_;
    Uuid entity_;
    std::vector<AuditFinding> findings_;
    std::int64_t last_seq_;
    bool partial_;
    std::int64_t entries_ = 0;
    EmptiedEntries emptied_;
    EmptiedEntries told_;
    std::int64_t joins_ = 0;
    std::int64_t leaves_ = 0;
    // Of the entry before: as stored, and as it should be. Empty = not known.
    std::string stored_hash_;
    std::string right_hash_;
    bool linked_ = true;  // false: the entry before is missing or was not shown
    UnixMicros last_at_;
    std::string last_type_;
    bool last_fits_ = true;  // nothing was found about the last entry's hash
};

}  // namespace subcults::api

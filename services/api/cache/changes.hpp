// What processes of the API tell each other: of which rows the copies in their caches are no longer
// good. Collected while a message is under way, and written as texts that fit a notification.
//
// Pure values; not thread-safe. Memory is bounded: who would have to name too many says "all".
#pragma once

#include "base/uuid.hpp"

#include <cstddef>
#include <cstdint>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace subcults::api {

// Some rows of one kind, or all.
class ChangedIds {
  public:
    static constexpr std::size_t most = 2000;

    void add(const Uuid& id);
    void add_all() noexcept;
    void merge(const ChangedIds& other);
    bool all() const noexcept { return all_; }
    bool empty() const noexcept { return !all_ && ids_.empty(); }
    const std::set<Uuid>& ids() const noexcept { return ids_; }

    bool operator==(const ChangedIds&) const = default;

  private:
    bool all_ = false;
    std::set<Uuid> ids_;
};

struct Changes {
    ChangedIds sessions;
    ChangedIds trust;  // by scene
    // For the sender: did this one come back?
    std::optional<std::uint64_t> probe = {};

    bool empty() const noexcept { return sessions.empty() && trust.empty() && !probe; }
    // Of two probes the later one stays.
    void merge(const Changes& other);

    bool operator==(const Changes&) const = default;
};

// Payloads, each below PostgreSQL's limit of 8000 bytes; `origin` names the process that sends.
std::vector<std::string> encode_changes(const Uuid& origin, const Changes& changes);

struct ChangeMessage {
    Uuid origin;
    Changes changes;
};
// nullopt = not one of ours, or of a version to come: then everything may have changed.
std::optional<ChangeMessage> decode_changes(std::string_view payload);

}  // namespace subcults::api

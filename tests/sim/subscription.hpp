// What a subscriber asked for, in the query of /subscribe or later in an options_update.
#pragma once

#include "sim/timeline.hpp"

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_set>
#include <vector>

namespace subcults::sim {

inline constexpr std::size_t max_collections = 100;
inline constexpr std::size_t max_dids = 10'000;

// name=value pairs of a query, percent-decoded, in order.
std::vector<std::pair<std::string, std::string>> parse_query(std::string_view query);
// A whole decimal integer of 64 bits.
std::optional<std::int64_t> read_number(std::string_view text) noexcept;

class Subscription {
  public:
    // Identity and account events pass the collections but not the DIDs. A frame that could not be
    // read passes both, so that tests can send garbage to everyone.
    bool wants(const Frame& frame) const noexcept;
    // Whether so many bytes may be sent: of text, or of a zstd frame when there is compression.
    bool fits(std::size_t bytes) const noexcept {
        return max_bytes_ == 0 || bytes <= static_cast<std::size_t>(max_bytes_);
    }

    // Both return a message for what a server refuses, or an empty string.
    std::string set_collections(const std::vector<std::string>& wanted);
    std::string set_dids(const std::vector<std::string>& wanted);
    void set_max_bytes(std::int64_t bytes) noexcept { max_bytes_ = bytes < 0 ? 0 : bytes; }

  private:
    std::unordered_set<std::string> exact_;
    std::vector<std::string> prefixes_;
    std::unordered_set<std::string> dids_;
    std::int64_t max_bytes_ = 0;  // 0 = no limit
};

struct SubscribeRequest {
    Subscription subscription;
    std::optional<std::int64_t> cursor;  // inclusive; a v2 host takes those below 1e15 for numbers
    bool require_hello = false;
    bool compress = false;
};

// Fills `request`; returns the text of a 400, or an empty string.
std::string read_subscribe_query(std::string_view query, SubscribeRequest& request);

enum class UpdateResult { applied, ignored, invalid };
// A text message from the client. Replaces the whole subscription when it is an options_update;
// `problem` explains an invalid one.
UpdateResult read_options_update(std::string_view message, Subscription& subscription,
                                 std::string& problem);

}  // namespace subcults::sim

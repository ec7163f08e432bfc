#include "jetstream/recent_set.hpp"

#include <algorithm>
#include <bit>

#include <xxhash.h>

namespace subcults::jetstream {
namespace {

void append_number(std::string& to, std::int64_t number) {
    for (int shift = 0; shift < 64; shift += 8) {
        to.push_back(static_cast<char>(static_cast<std::uint64_t>(number) >> shift & 0xff));
    }
}

}  // namespace

RecentSet::RecentSet(std::size_t window)
    : ring_(std::max<std::size_t>(window, 1)),
      table_(std::bit_ceil(ring_.size() * 2)),
      mask_(table_.size() - 1) {}

std::uint64_t RecentSet::fingerprint(const EventView& event) {
    // No identifier contains a NUL, so it separates them without ambiguity.
    scratch_.clear();
    scratch_.push_back(static_cast<char>(event.kind));
    scratch_.append(event.did).push_back('\0');
    if (event.kind == Kind::commit) {
        scratch_.push_back(static_cast<char>(event.operation));
        scratch_.append(event.collection).push_back('\0');
        scratch_.append(event.rkey).push_back('\0');
        scratch_.append(event.rev);
    } else {
        append_number(scratch_, event.upstream_seq);
        append_number(scratch_, event.time_us);
    }
    const std::uint64_t hash = XXH3_64bits(scratch_.data(), scratch_.size());
    return hash == 0 ? 1 : hash;
}

bool RecentSet::seen_before(std::uint64_t fingerprint) noexcept {
    if (!insert(fingerprint)) return true;
    std::uint64_t& slot = ring_[next_];
    if (count_ == ring_.size()) {
        erase(slot);
    } else {
        ++count_;
    }
    slot = fingerprint;
    next_ = next_ + 1 == ring_.size() ? 0 : next_ + 1;
    return false;
}

bool RecentSet::insert(std::uint64_t fingerprint) noexcept {
    std::size_t i = home(fingerprint);
    while (table_[i] != 0) {
        if (table_[i] == fingerprint) return false;
        i = (i + 1) & mask_;
    }
    table_[i] = fingerprint;
    return true;
}

void RecentSet::erase(std::uint64_t fingerprint) noexcept {
    std::size_t hole = home(fingerprint);
    while (table_[hole] != fingerprint)
        hole = (hole + 1) & mask_;
    // Entries behind the hole that could not have been reached across it move up.
    for (std::size_t i = (hole + 1) & mask_; table_[i] != 0; i = (i + 1) & mask_) {
        const std::size_t wanted = home(table_[i]);
        if (((i - wanted) & mask_) >= ((i - hole) & mask_)) {
            table_[hole] = table_[i];
            hole = i;
        }
    }
    table_[hole] = 0;
}

}  // namespace subcults::jetstream

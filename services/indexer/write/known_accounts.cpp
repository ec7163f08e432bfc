#include "write/known_accounts.hpp"

#include <xxhash.h>
#include <algorithm>

namespace subcults::indexer {

bool KnownAccounts::knows(std::string_view did, std::int64_t since_us) const {
    const auto found = since_.find(XXH3_64bits(did.data(), did.size()));
    return found != since_.end() && found->second <= since_us;
}

void KnownAccounts::remember(std::string_view did, std::int64_t since_us) {
    if (since_.size() >= capacity_) since_.clear();
    const auto [entry, inserted] =
        since_.try_emplace(XXH3_64bits(did.data(), did.size()), since_us);
    if (!inserted) entry->second = std::min(entry->second, since_us);
}

}  // namespace subcults::indexer

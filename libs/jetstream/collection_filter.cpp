#include "atproto/nsid.hpp"
#include "jetstream/decoder.hpp"

#include <algorithm>

namespace subcults::jetstream {

CollectionFilter::CollectionFilter(std::span<const std::string> patterns)
    : everything_(patterns.empty()), patterns_(patterns.begin(), patterns.end()) {
    for (const std::string& pattern : patterns_) {
        if (pattern == "*") {
            everything_ = true;
        } else if (pattern.ends_with(".*")) {
            prefixes_.push_back(pattern.substr(0, pattern.size() - 1));
        } else {
            exact_.push_back(pattern);
        }
    }
    std::sort(exact_.begin(), exact_.end());
}

bool CollectionFilter::wants(std::string_view collection) const noexcept {
    if (everything_) return true;
    for (const std::string& prefix : prefixes_) {
        if (collection.starts_with(prefix)) return true;
    }
    return std::binary_search(exact_.begin(), exact_.end(), collection);
}

std::string CollectionFilter::check(const std::string& pattern) {
    if (pattern == "*") return {};
    if (pattern.ends_with(".*")) {
        if (atproto::is_valid_nsid_prefix(pattern.substr(0, pattern.size() - 2))) return {};
        return "'" + pattern + "' has no valid namespace before '.*'";
    }
    if (atproto::is_valid_nsid(pattern)) return {};
    return "'" + pattern + "' is neither a collection such as tv.subcult.scene nor a prefix.*";
}

}  // namespace subcults::jetstream

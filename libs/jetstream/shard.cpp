#include "jetstream/shard.hpp"

#include <xxhash.h>
#include <charconv>

namespace subcults::jetstream {
namespace {

constexpr std::uint32_t max_shards = 1024;

std::optional<std::uint32_t> number(std::string_view text) noexcept {
    std::uint32_t value = 0;
    const char* const end = text.data() + text.size();
    const auto [rest, error] = std::from_chars(text.data(), end, value);
    if (error != std::errc() || rest != end) return std::nullopt;
    return value;
}

}  // namespace

std::optional<Shard> Shard::parse(std::string_view text) noexcept {
    const std::size_t slash = text.find('/');
    if (slash == std::string_view::npos) return std::nullopt;
    const auto index = number(text.substr(0, slash));
    const auto count = number(text.substr(slash + 1));
    if (!index || !count || *count == 0 || *count > max_shards || *index >= *count) {
        return std::nullopt;
    }
    return Shard{*index, *count};
}

bool Shard::owns(std::string_view did) const noexcept {
    return count == 1 || XXH3_64bits(did.data(), did.size()) % count == index;
}

}  // namespace subcults::jetstream

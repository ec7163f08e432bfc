#include "http/client_address.hpp"

#include <arpa/inet.h>

#include <algorithm>
#include <charconv>
#include <cstring>

namespace subcults::api {
namespace {

constexpr std::size_t v4_offset = 12;
constexpr unsigned v4_prefix_offset = 96;
// Chains are two or three proxies long; what goes on for longer is somebody's game.
constexpr int most_hops = 32;

std::string_view trimmed(std::string_view text) noexcept {
    const std::size_t first = text.find_first_not_of(" \t");
    if (first == std::string_view::npos) return {};
    return text.substr(first, text.find_last_not_of(" \t") - first + 1);
}

// Proxies write `1.2.3.4`, `1.2.3.4:5678`, `2001:db8::1` or `[2001:db8::1]:5678`.
std::optional<IpAddress> parse_hop(std::string_view text) noexcept {
    text = trimmed(text);
    if (!text.empty() && text.front() == '[') {
        const std::size_t close = text.find(']');
        if (close == std::string_view::npos) return std::nullopt;
        return IpAddress::parse(text.substr(1, close - 1));
    }
    const std::size_t colon = text.find(':');
    if (colon != std::string_view::npos && text.find(':', colon + 1) == std::string_view::npos) {
        text = text.substr(0, colon);
    }
    return IpAddress::parse(text);
}

}  // namespace

std::optional<IpAddress> IpAddress::parse(std::string_view text) noexcept {
    // The system's parser wants an end that a view does not have.
    std::array<char, INET6_ADDRSTRLEN> terminated{};
    if (text.empty() || text.size() >= terminated.size()) return std::nullopt;
    std::copy(text.begin(), text.end(), terminated.begin());
    if (std::find(text.begin(), text.end(), '\0') != text.end()) return std::nullopt;
    IpAddress address;
    if (::inet_pton(AF_INET, terminated.data(), address.bytes.data() + v4_offset) == 1) {
        address.bytes[10] = 0xff;
        address.bytes[11] = 0xff;
        address.v4 = true;
        return address;
    }
    if (::inet_pton(AF_INET6, terminated.data(), address.bytes.data()) != 1) return std::nullopt;
    static constexpr std::array<std::uint8_t, v4_offset> mapped{0, 0, 0, 0, 0,    0,
                                                                0, 0, 0, 0, 0xff, 0xff};
    address.v4 = std::equal(mapped.begin(), mapped.end(), address.bytes.begin());
    return address;
}

ClientKey::ClientKey(const IpAddress& address) noexcept {
    const auto first = address.bytes.begin() + (address.v4 ? v4_offset : 0);
    size_ = address.v4 ? 4 : bytes_.size();
    std::copy_n(first, size_, bytes_.begin());
}

std::optional<IpBlock> IpBlock::parse(std::string_view text) noexcept {
    const std::size_t slash = text.find('/');
    const auto base = IpAddress::parse(text.substr(0, slash));
    if (!base) return std::nullopt;
    IpBlock block;
    block.base_ = *base;
    block.prefix_ = 128;
    if (slash == std::string_view::npos) return block;
    const std::string_view digits = text.substr(slash + 1);
    unsigned prefix = 0;
    const char* const end = digits.data() + digits.size();
    const auto parsed = std::from_chars(digits.data(), end, prefix);
    // A v4 address in v6 clothes has the prefix of what it looks like.
    const bool dotted = text.find(':') == std::string_view::npos;
    const unsigned longest = dotted ? 32 : 128;
    if (parsed.ec != std::errc{} || parsed.ptr != end || prefix > longest) return std::nullopt;
    block.prefix_ = dotted ? prefix + v4_prefix_offset : prefix;
    return block;
}

bool IpBlock::contains(const IpAddress& address) const noexcept {
    const std::size_t whole = prefix_ / 8;
    if (!std::equal(base_.bytes.begin(), base_.bytes.begin() + whole, address.bytes.begin())) {
        return false;
    }
    const unsigned bits = prefix_ % 8;
    if (bits == 0) return true;
    const auto difference = static_cast<unsigned>(base_.bytes[whole] ^ address.bytes[whole]);
    return difference >> (8 - bits) == 0;
}

bool ClientAddress::trusts(const IpAddress& address) const noexcept {
    return std::any_of(trusted_.begin(), trusted_.end(),
                       [&](const IpBlock& block) { return block.contains(address); });
}

ClientKey ClientAddress::of(const net::Request& request) const noexcept {
    const std::string_view remote = request.remote_address();
    const auto peer = IpAddress::parse(remote.substr(0, remote.find('%')));  // without zone
    // Not an address at all: one bucket for all such peers.
    if (!peer) return {};
    IpAddress client = *peer;
    if (trusted_.empty() || !trusts(client)) return ClientKey(client);
    constexpr std::string_view name = "X-Forwarded-For";
    int hops = 0;
    for (std::size_t line = request.header_count(name); line-- > 0;) {
        std::string_view rest = request.header_at(name, line).value_or("");
        while (!rest.empty()) {
            const std::size_t comma = rest.rfind(',');
            const bool first = comma == std::string_view::npos;
            const auto hop = parse_hop(first ? rest : rest.substr(comma + 1));
            // What is no address was not written by a proxy: its sender is the last one known.
            if (!hop || ++hops > most_hops) return ClientKey(client);
            client = *hop;
            if (!trusts(client)) return ClientKey(client);
            rest = first ? std::string_view{} : rest.substr(0, comma);
        }
    }
    return ClientKey(client);
}

}  // namespace subcults::api

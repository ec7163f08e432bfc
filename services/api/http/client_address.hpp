// Whose request it is, as far as the network can tell: the peer's address, or what trusted proxies
// say about it.
//
// X-Forwarded-For is read from its end, since each proxy appends what it saw and only the ends that
// trusted ones wrote can be believed: the first address from the right that is not a trusted proxy
// is the client. From a peer that is not trusted the header means nothing.
//
// IPv6 clients are known by their /64, which is what one subscriber gets; a v4 address written as
// v6 is that v4 address. Pure functions over immutable objects: thread-safe, no allocation per
// request.
#pragma once

#include "net/http_message.hpp"

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace subcults::api {

struct IpAddress {
    std::array<std::uint8_t, 16> bytes{};  // a v4 address as ::ffff:a.b.c.d
    bool v4 = false;

    // Without port, brackets or zone.
    static std::optional<IpAddress> parse(std::string_view text) noexcept;
    bool operator==(const IpAddress&) const = default;
};

// What rate limits count by: the address, or the /64 of a v6 one.
class ClientKey {
  public:
    ClientKey() = default;
    explicit ClientKey(const IpAddress& address) noexcept;
    std::string_view bytes() const noexcept {
        return {reinterpret_cast<const char*>(bytes_.data()), size_};
    }

  private:
    std::array<std::uint8_t, 8> bytes_{};
    std::size_t size_ = 0;
};

// A block of addresses in CIDR notation; a bare address is a block of one.
class IpBlock {
  public:
    static std::optional<IpBlock> parse(std::string_view text) noexcept;
    bool contains(const IpAddress& address) const noexcept;

  private:
    IpAddress base_;
    unsigned prefix_ = 0;  // of 128
};

class ClientAddress {
  public:
    explicit ClientAddress(std::vector<IpBlock> trusted_proxies)
        : trusted_(std::move(trusted_proxies)) {}

    ClientKey of(const net::Request& request) const noexcept;

  private:
    bool trusts(const IpAddress& address) const noexcept;

    std::vector<IpBlock> trusted_;
};

}  // namespace subcults::api

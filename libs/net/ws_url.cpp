#include "net/ws_client.hpp"

#include <boost/asio/ip/address_v6.hpp>

#include <algorithm>
#include <charconv>

namespace subcults::net {
namespace {

constexpr std::size_t longest_host = 253;

char lower(char c) noexcept {
    return (c >= 'A' && c <= 'Z') ? static_cast<char>(c | 0x20) : c;
}

bool take_scheme(std::string_view& url, std::string_view lower_scheme) {
    if (url.size() < lower_scheme.size()) return false;
    if (!std::equal(lower_scheme.begin(), lower_scheme.end(), url.begin(),
                    [](char a, char b) { return a == lower(b); })) {
        return false;
    }
    url.remove_prefix(lower_scheme.size());
    return true;
}

bool is_host_character(char c) noexcept {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' ||
           c == '-' || c == '_';
}

// Visible ASCII: what may stand in a request line as it is.
bool is_url_text(std::string_view text) noexcept {
    return std::all_of(text.begin(), text.end(), [](char c) { return c > 0x20 && c < 0x7F; });
}

std::optional<std::uint16_t> parse_port(std::string_view text) noexcept {
    constexpr std::size_t most_digits = 5;
    unsigned value = 0;
    if (text.empty() || text.size() > most_digits) return std::nullopt;
    const auto parsed = std::from_chars(text.data(), text.data() + text.size(), value);
    if (parsed.ec != std::errc{} || parsed.ptr != text.data() + text.size()) return std::nullopt;
    if (value == 0 || value > 65'535) return std::nullopt;
    return static_cast<std::uint16_t>(value);
}

}  // namespace

std::optional<WsUrl> WsUrl::parse(std::string_view url) {
    WsUrl result;
    if (take_scheme(url, "wss://") || take_scheme(url, "https://")) {
        result.tls = true;
    } else if (!take_scheme(url, "ws://") && !take_scheme(url, "http://")) {
        return std::nullopt;
    }
    result.port = result.tls ? 443 : 80;
    if (!is_url_text(url) || url.find('#') != std::string_view::npos) return std::nullopt;

    const std::size_t authority_end = url.find_first_of("/?");
    std::string_view authority = url.substr(0, authority_end);
    if (authority_end == std::string_view::npos) {
        result.target = "/";
    } else {
        result.target = url.substr(authority_end);
        if (result.target.front() == '?') result.target.insert(0, 1, '/');
    }

    if (!authority.empty() && authority.front() == '[') {
        const std::size_t close = authority.find(']');
        if (close == std::string_view::npos) return std::nullopt;
        result.host = authority.substr(1, close - 1);
        authority.remove_prefix(close + 1);
        boost::system::error_code ec;
        boost::asio::ip::make_address_v6(result.host, ec);
        // Scope ids would need escaping in a URL and mean nothing to the peer.
        if (ec || result.host.find('%') != std::string::npos) return std::nullopt;
    } else {
        const std::size_t colon = authority.find(':');
        const std::string_view host = authority.substr(0, colon);
        if (host.empty() || host.size() > longest_host) return std::nullopt;
        if (!std::all_of(host.begin(), host.end(), is_host_character)) return std::nullopt;
        result.host = host;
        authority.remove_prefix(host.size());
    }
    if (!authority.empty()) {
        if (authority.front() != ':') return std::nullopt;
        const auto port = parse_port(authority.substr(1));
        if (!port) return std::nullopt;
        result.port = *port;
    }
    return result;
}

std::string WsUrl::authority() const {
    std::string text;
    if (host.find(':') != std::string::npos) {
        text += '[';
        text += host;
        text += ']';
    } else {
        text = host;
    }
    const std::uint16_t usual = tls ? 443 : 80;
    if (port != usual) text += ":" + std::to_string(port);
    return text;
}

}  // namespace subcults::net

#include "jetstream/url.hpp"

#include <algorithm>
#include <set>
#include <vector>

namespace subcults::jetstream {
namespace {

struct Parts {
    std::string_view scheme;
    std::string_view authority;
    std::string_view path;
    std::string_view query;
};

Parts split(std::string_view url) noexcept {
    Parts parts;
    url = url.substr(0, url.find('#'));
    if (const std::size_t colon = url.find("://"); colon != std::string_view::npos) {
        parts.scheme = url.substr(0, colon);
        url.remove_prefix(colon + 3);
    }
    const std::size_t end = std::min(url.find_first_of("/?"), url.size());
    parts.authority = url.substr(0, end);
    url.remove_prefix(end);
    const std::size_t question = std::min(url.find('?'), url.size());
    parts.path = url.substr(0, question);
    if (question < url.size()) parts.query = url.substr(question + 1);
    return parts;
}

// Form encoding's safe characters; the asterisk of a pattern stays readable.
constexpr bool is_unreserved(char c) noexcept {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' ||
           c == '.' || c == '_' || c == '~' || c == '*';
}

std::string percent_encoded(std::string_view text) {
    constexpr std::string_view digits = "0123456789ABCDEF";
    std::string encoded;
    for (const char c : text) {
        if (is_unreserved(c)) {
            encoded.push_back(c);
        } else {
            const auto byte = static_cast<unsigned char>(c);
            encoded.push_back('%');
            encoded.push_back(digits[byte >> 4]);
            encoded.push_back(digits[byte & 15]);
        }
    }
    return encoded;
}

int hex_digit(char c) noexcept {
    if (c >= '0' && c <= '9') return c - '0';
    if (c >= 'a' && c <= 'f') return c - 'a' + 10;
    if (c >= 'A' && c <= 'F') return c - 'A' + 10;
    return -1;
}

std::string percent_decoded(std::string_view text) {
    std::string decoded;
    for (std::size_t i = 0; i < text.size(); ++i) {
        const int high = text[i] == '%' && i + 2 < text.size() ? hex_digit(text[i + 1]) : -1;
        const int low = high >= 0 ? hex_digit(text[i + 2]) : -1;
        if (low >= 0) {
            decoded.push_back(static_cast<char>(high * 16 + low));
            i += 2;
        } else {
            decoded.push_back(text[i]);
        }
    }
    return decoded;
}

std::string lower_case(std::string_view text) {
    std::string lower(text);
    for (char& c : lower) {
        if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
    }
    return lower;
}

bool is_default_port(const std::string& scheme, std::string_view port) noexcept {
    if (scheme == "ws" || scheme == "http") return port == "80";
    if (scheme == "wss" || scheme == "https") return port == "443";
    return false;
}

}  // namespace

std::string subscribe_target(std::string_view url, std::span<const std::string> collections,
                             std::optional<std::int64_t> cursor, bool compressed) {
    const Parts parts = split(url);
    std::string target(parts.path.empty() ? std::string_view("/subscribe") : parts.path);
    char separator = '?';
    const auto append = [&](std::string_view parameter) {
        target.push_back(separator);
        target.append(parameter);
        separator = '&';
    };

    std::set<std::string> present;
    bool says_compress = false;
    for (std::string_view rest = parts.query; !rest.empty();) {
        const std::size_t end = std::min(rest.find('&'), rest.size());
        const std::string_view parameter = rest.substr(0, end);
        rest.remove_prefix(std::min(end + 1, rest.size()));
        const std::size_t equals = std::min(parameter.find('='), parameter.size());
        const std::string name = percent_decoded(parameter.substr(0, equals));
        if (parameter.empty() || (cursor && name == "cursor")) continue;
        if (name == "wantedCollections" && equals < parameter.size()) {
            present.insert(percent_decoded(parameter.substr(equals + 1)));
        }
        if (name == "compress") says_compress = true;
        append(parameter);
    }

    std::vector<std::string> missing;
    for (const std::string& collection : collections) {
        if (present.insert(collection).second) missing.push_back(collection);
    }
    const bool everything =
        std::find(collections.begin(), collections.end(), "*") != collections.end();
    if (!everything && present.size() <= max_wanted_collections) {
        for (const std::string& collection : missing) {
            append("wantedCollections=" + percent_encoded(collection));
        }
    }
    if (compressed && !says_compress) append("compress=true");
    if (cursor) append("cursor=" + std::to_string(*cursor));
    return target;
}

bool names_cursor(std::string_view url) {
    for (std::string_view rest = split(url).query; !rest.empty();) {
        const std::size_t end = std::min(rest.find('&'), rest.size());
        const std::string_view parameter = rest.substr(0, end);
        if (percent_decoded(parameter.substr(0, parameter.find('='))) == "cursor") return true;
        rest.remove_prefix(std::min(end + 1, rest.size()));
    }
    return false;
}

std::string host_key(std::string_view url) {
    const Parts parts = split(url);
    std::string_view authority = parts.authority;
    if (const std::size_t at = authority.rfind('@'); at != std::string_view::npos) {
        authority.remove_prefix(at + 1);
    }
    const std::size_t bracket = authority.rfind(']');
    const std::size_t colon =
        authority.find(':', bracket == std::string_view::npos ? 0 : bracket + 1);
    const std::string_view host = authority.substr(0, colon);
    if (host.empty()) return {};
    std::string key = lower_case(host);
    if (colon == std::string_view::npos) return key;
    const std::string_view port = authority.substr(colon + 1);
    if (!port.empty() && !is_default_port(lower_case(parts.scheme), port)) {
        key.append(1, ':').append(port);
    }
    return key;
}

}  // namespace subcults::jetstream

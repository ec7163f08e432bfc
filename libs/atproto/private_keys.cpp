#include "atproto/private_keys.hpp"

#include <algorithm>
#include <array>

namespace subcults::atproto {
namespace {

// Without separators and in lower case; sorted.
constexpr std::array<std::string_view, 20> names{"addressciphertext",
                                                 "contactemail",
                                                 "contactphone",
                                                 "coordinates",
                                                 "email",
                                                 "encryptedaddress",
                                                 "exactaddress",
                                                 "exactlocation",
                                                 "geopoint",
                                                 "homeaddress",
                                                 "lat",
                                                 "latitude",
                                                 "lng",
                                                 "lon",
                                                 "longitude",
                                                 "phone",
                                                 "phonenumber",
                                                 "preciselocation",
                                                 "precisepoint",
                                                 "streetaddress"};
static_assert(std::is_sorted(names.begin(), names.end()));

constexpr std::size_t longest =
    std::max_element(names.begin(), names.end(), [](std::string_view a, std::string_view b) {
        return a.size() < b.size();
    })->size();

}  // namespace

bool is_private_key(std::string_view key) noexcept {
    std::array<char, longest> plain;
    std::size_t size = 0;
    for (const char c : key) {
        if (c == '_' || c == '-') continue;
        if (size == longest) return false;
        plain[size++] = c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
    }
    return std::binary_search(names.begin(), names.end(), std::string_view(plain.data(), size));
}

}  // namespace subcults::atproto

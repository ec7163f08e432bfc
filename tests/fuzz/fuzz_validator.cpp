// The record validator on whatever parses: it gives the same verdict twice, in bounded words that
// quote no control characters; and in a collection without a lexicon it finds a private key if and
// only if a search of its own finds one.
#include "atproto/record_validator.hpp"
#include "oracle.hpp"

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

using namespace subcults;

namespace {

// The last two have no lexicon: one in a namespace of ours, one in somebody else's.
constexpr std::array<std::string_view, 16> collections{
    "tv.subcult.profile",   "tv.subcult.act",         "tv.subcult.place",   "tv.subcult.venue",
    "tv.subcult.scene",     "tv.subcult.event",       "tv.subcult.tour",    "tv.subcult.appearance",
    "tv.subcult.assertion", "app.subcult.scene",      "app.subcult.event",  "app.subcult.post",
    "app.subcult.alliance", "app.subcult.membership", "tv.subcult.unknown", "com.example.thing"};
constexpr std::string_view ours_without_lexicon = "tv.subcult.unknown";

// Deeper than this the validator may give up.
constexpr std::size_t searchable_depth = 500;

bool is_private(std::string_view key) {
    std::string plain;
    for (const char c : key) {
        if (c == '_' || c == '-') continue;
        plain.push_back(c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c);
    }
    for (const char* name : {"precisepoint",
                             "preciselocation",
                             "exactaddress",
                             "exactlocation",
                             "addressciphertext",
                             "encryptedaddress",
                             "streetaddress",
                             "homeaddress",
                             "contactemail",
                             "contactphone",
                             "email",
                             "phone",
                             "phonenumber",
                             "lat",
                             "lng",
                             "lon",
                             "latitude",
                             "longitude",
                             "coordinates",
                             "geopoint"}) {
        if (plain == name) return true;
    }
    return false;
}

struct Search {
    bool found = false;
    std::size_t depth = 0;
};

// Without recursion, unlike the code under test.
Search search(simdjson::dom::element root) {
    struct Open {
        simdjson::dom::element element;
        std::size_t depth;
    };
    Search result;
    std::vector<Open> open{Open{root, 0}};
    while (!open.empty()) {
        const Open next = open.back();
        open.pop_back();
        if (next.depth > result.depth) result.depth = next.depth;
        simdjson::dom::object object;
        simdjson::dom::array array;
        if (next.element.get(object) == simdjson::SUCCESS) {
            for (const auto field : object) {
                result.found = result.found || is_private(field.key);
                open.push_back(Open{field.value, next.depth + 1});
            }
        } else if (next.element.get(array) == simdjson::SUCCESS) {
            for (const simdjson::dom::element item : array)
                open.push_back(Open{item, next.depth + 1});
        }
    }
    return result;
}

void expect(bool condition, const char* what, std::string_view text) {
    if (!condition) fuzz::fail(what, text);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    static const atproto::RecordValidator validator;
    static simdjson::dom::parser parser;
    if (size == 0) return 0;
    const std::string_view collection = collections[data[0] % collections.size()];
    const std::string_view text(reinterpret_cast<const char*>(data) + 1, size - 1);
    simdjson::dom::element root;
    simdjson::dom::object record;
    if (parser.parse(text.data(), text.size()).get(root) != simdjson::SUCCESS) return 0;
    if (root.get(record) != simdjson::SUCCESS) return 0;

    const auto verdict = validator.check(collection, record);
    const auto again = validator.check(collection, record);
    expect(verdict.has_value() == again.has_value(), "the verdict changed", text);
    if (verdict.has_error()) {
        const atproto::RecordFault& fault = verdict.error();
        expect(fault.path == again.error().path && fault.reason == again.error().reason,
               "the fault changed", text);
        expect(fault.path.starts_with("record") && fault.path.size() <= 512, "a path runs wild",
               text);
        expect(!fault.reason.empty() && fault.reason.size() <= 256, "a reason runs wild", text);
        for (const char c : fault.path + fault.reason)
            expect(c >= ' ' && c <= '~', "a fault is not plain text", text);
    }
    if (!validator.knows(collection)) {
        const Search own = search(root);
        const bool ours = collection == ours_without_lexicon;
        if (own.depth <= searchable_depth)
            expect(verdict.has_error() == (ours && own.found), "a private key was missed", text);
    }
    return 0;
}

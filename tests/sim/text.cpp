#include "sim/text.hpp"

#include "base/time.hpp"

#include <utility>

namespace subcults::sim {
namespace {

constexpr std::string_view adjectives[] = {
    "Basement", "Feral",  "Velvet",   "Static", "Copper",  "Midnight",  "Concrete", "Paper",
    "Hollow",   "Rust",   "Electric", "Tender", "Crooked", "Silver",    "Burnt",    "Analog",
    "Salt",     "Violet", "Stray",    "Öde",    "Brûlée",  "Nachtblau", "Łódź",     "地下"};
constexpr std::string_view nouns[] = {
    "Choir",  "Circuit", "Parade",  "Harbour",   "Signal", "Garden",   "Assembly", "Orchestra",
    "Room",   "Depot",   "Archive", "Kollektiv", "Union",  "Ghosts",   "Machine",  "Weather",
    "Tunnel", "Kitchen", "Society", "Relay",     "Café",   "Ensemble", "Almanac",  "ノイズ"};
constexpr std::string_view words[] = {
    "a",       "the",    "loud",     "quiet",    "tape",     "loop", "between", "walls",  "and",
    "under",   "bridge", "with",     "borrowed", "speakers", "all",  "night",   "doors",  "open",
    "late",    "bring",  "earplugs", "cash",     "only",     "bar",  "no",      "photos", "please",
    "modular", "drums",  "voice",    "für",      "señal",    "déjà", "over",    "until",  "sunrise",
    "friends", "of",     "friends",  "welcome",  "step",     "free", "entrance"};
constexpr std::string_view tags[] = {"noise", "dub",   "hardcore", "ambient", "jungle", "techno",
                                     "folk",  "grime", "synth",    "drone",   "punk",   "footwork"};
constexpr std::string_view base32_digits = "abcdefghijklmnopqrstuvwxyz234567";
constexpr std::string_view geohash_digits = "0123456789bcdefghjkmnpqrstuvwxyz";

std::string digits_of(Random& random, std::string_view alphabet, std::size_t size) {
    std::string text;
    for (std::size_t i = 0; i < size; ++i)
        text.push_back(random.pick(alphabet));
    return text;
}

}  // namespace

std::string make_name(Random& random) {
    std::string name(random.pick(adjectives));
    name.append(" ").append(random.pick(nouns));
    if (random.chance(30)) name.append(" ").append(std::to_string(random.between(1, 99)));
    return name;
}

std::string make_prose(Random& random, std::size_t size) {
    std::string prose;
    while (prose.size() < size) {
        if (!prose.empty()) prose.append(random.chance(10) ? "\n" : " ");
        const std::size_t count = random.between(4, 14);
        for (std::size_t i = 0; i < count; ++i) {
            if (i > 0) prose.push_back(' ');
            prose.append(random.pick(words));
        }
        prose.push_back('.');
        if (random.chance(8)) prose.append(" \"").append(random.pick(nouns)).append("\"");
        if (random.chance(8)) prose.append(" 🔊");
        if (random.chance(3)) prose.append(" \\o/\t");
    }
    return prose;
}

std::string make_tag(Random& random) {
    return std::string(random.pick(tags));
}

std::string make_handle(Random& random) {
    std::string handle = digits_of(random, "abcdefghijklmnopqrstuvwxyz", random.between(3, 9));
    handle += std::to_string(random.below(1000));
    return handle + ".subcult.example";
}

std::string make_did(Random& random) {
    return "did:plc:" + digits_of(random, base32_digits, 24);
}

std::string make_geohash(Random& random, std::size_t size) {
    return digits_of(random, geohash_digits, size);
}

std::string json_string(std::string_view text) {
    constexpr std::string_view hex = "0123456789abcdef";
    std::string json;
    json.reserve(text.size() + 8);
    json.push_back('"');
    for (std::size_t at = 0; at < text.size();) {
        // What needs no escape goes over in one piece.
        std::size_t end = at;
        while (end < text.size() && static_cast<unsigned char>(text[end]) >= 0x20 &&
               text[end] != '"' && text[end] != '\\') {
            ++end;
        }
        json.append(text.substr(at, end - at));
        if (end == text.size()) break;
        const char c = text[end];
        const auto byte = static_cast<unsigned char>(c);
        if (c == '"' || c == '\\') {
            json.append(1, '\\').append(1, c);
        } else if (c == '\n') {
            json.append("\\n");
        } else if (c == '\t') {
            json.append("\\t");
        } else {
            json.append("\\u00").append(1, hex[byte >> 4]).append(1, hex[byte & 15]);
        }
        at = end + 1;
    }
    json.push_back('"');
    return json;
}

void JsonObject::key(std::string_view key) {
    if (json_.size() > 1) json_.push_back(',');
    json_.append(json_string(key)).push_back(':');
}

JsonObject& JsonObject::text(std::string_view name, std::string_view value) {
    return raw(name, json_string(value));
}
JsonObject& JsonObject::number(std::string_view name, std::int64_t value) {
    return raw(name, std::to_string(value));
}
JsonObject& JsonObject::boolean(std::string_view name, bool value) {
    return raw(name, value ? "true" : "false");
}
JsonObject& JsonObject::raw(std::string_view name, std::string_view json) {
    key(name);
    json_.append(json);
    return *this;
}
JsonObject& JsonObject::time(std::string_view name, std::int64_t micros) {
    return text(name, format_rfc3339(UnixMicros{micros}));
}
std::string JsonObject::finish() && {
    json_.push_back('}');
    return std::move(json_);
}

}  // namespace subcults::sim

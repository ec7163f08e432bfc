// Seeded changes to frames: bytes that flip, vanish and double; members that move, repeat, go
// missing, have their keys spelt with escapes, or get values that nobody expects.
#pragma once

#include "sim/random.hpp"

#include <algorithm>
#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace subcults::jetstream::test {

// A member of an object as it is written.
struct Member {
    std::string key;  // with its quotes
    std::string value;
};

// The members of a well-formed object; nullopt for anything else.
inline std::optional<std::vector<Member>> members_of(std::string_view object) {
    if (object.size() < 2 || object.front() != '{' || object.back() != '}') return std::nullopt;
    std::vector<Member> members;
    Member member;
    std::string* part = &member.key;
    int depth = 0;
    bool quoted = false;
    for (std::size_t i = 1; i + 1 < object.size(); ++i) {
        const char c = object[i];
        if (quoted) {
            part->push_back(c);
            if (c == '\\' && i + 2 < object.size()) part->push_back(object[++i]);
            if (c == '"') quoted = false;
            continue;
        }
        if (c == '{' || c == '[') ++depth;
        if (c == '}' || c == ']') --depth;
        if (depth < 0) return std::nullopt;
        quoted = c == '"';
        if (depth == 0 && c == ':' && part == &member.key) {
            part = &member.value;
        } else if (depth == 0 && c == ',') {
            members.push_back(std::exchange(member, {}));
            part = &member.key;
        } else {
            part->push_back(c);
        }
    }
    if (!member.key.empty()) members.push_back(std::move(member));
    return members;
}

inline std::string object_of(const std::vector<Member>& members) {
    std::string object = "{";
    for (const Member& member : members)
        object += (object.size() > 1 ? "," : "") + member.key + ":" + member.value;
    return object + "}";
}

class Mutator {
  public:
    explicit Mutator(std::uint64_t seed) : random_(seed) {}

    std::string mutate(std::string frame) {
        for (std::size_t left = random_.between(1, 3); left > 0; --left)
            frame = random_.chance(75) ? structure(std::move(frame), 0) : bytes(std::move(frame));
        return frame;
    }

  private:
    std::string bytes(std::string frame) {
        if (frame.empty()) return frame;
        const std::size_t at = random_.below(frame.size());
        const std::size_t length = random_.between(1, std::min<std::size_t>(frame.size() - at, 20));
        switch (random_.below(6)) {
            case 0:
                frame[at] = static_cast<char>(frame[at] ^ (1 << random_.below(8)));
                break;
            case 1:
                frame.resize(at);
                break;
            case 2:
                frame.erase(at, length);
                break;
            case 3:
                frame.insert(at, frame.substr(at, length));
                break;
            case 4:
                frame.insert(at, 1, random_.pick("\"\\{}[],: \t\n\0\x1f\x7f\xc0\xed\xff-0eE.u"));
                break;
            default:
                frame[at] = random_.pick("\"\\{}[],: \t\n\0\x1f\x7f\xc0\xed\xff-0eE.u");
        }
        return frame;
    }

    std::string structure(std::string object, int depth) {
        auto found = members_of(object);
        if (!found || found->empty()) return bytes(std::move(object));
        std::vector<Member>& members = *found;
        const std::size_t at = random_.below(members.size());
        // The interesting objects lie one level below.
        if (depth < 3 && members[at].value.starts_with('{') && random_.chance(70)) {
            members[at].value = structure(members[at].value, depth + 1);
            return object_of(members);
        }
        switch (random_.below(7)) {
            case 0:
                for (std::size_t i = members.size(); i > 1; --i)
                    std::swap(members[i - 1], members[random_.below(i)]);
                break;
            case 1:
                members.insert(members.begin() +
                                   static_cast<std::ptrdiff_t>(random_.below(members.size() + 1)),
                               Member(members[at]));
                break;
            case 2:
                members.erase(members.begin() + static_cast<std::ptrdiff_t>(at));
                break;
            case 3:
                members[at].key = escaped(members[at].key);
                break;
            case 4:
                members[at].value = escaped(members[at].value);
                break;
            case 5:
                members[at].value = odd_value();
                break;
            default:
                members.push_back({"\"extra\"", odd_value()});
        }
        return object_of(members);
    }

    // One character of a string spelt as an escape, now and then as one that is not allowed.
    std::string escaped(std::string text) {
        if (text.size() < 3 || text.front() != '"' || text.find('\\') != std::string::npos) {
            return text;
        }
        const std::size_t at = random_.between(1, text.size() - 2);
        constexpr char digits[] = "0123456789abcdef";
        const auto byte = static_cast<unsigned char>(text[at]);
        if (byte >= 0x80) return text;
        constexpr std::string_view wrong[] = {"\\u0000", "\\ud800", "\\udc00",       "\\x41",
                                              "\\u12",   "\\",      "\\ud83d\\ude00"};
        std::string escape{'\\', 'u', '0', '0', digits[byte >> 4], digits[byte & 15]};
        if (random_.chance(20)) escape = random_.pick(wrong);
        return text.replace(at, 1, escape);
    }

    std::string odd_value() {
        constexpr std::string_view values[] = {
            "null",
            "true",
            "false",
            "0",
            "-0",
            "-1",
            "1.0",
            "1e3",
            "1e400",
            "-1e-400",
            "1783175888085434",
            "1783175888085434.0",
            "17831758880854340",
            "9223372036854775807",
            "9223372036854775808",
            "18446744073709551616",
            "123456789012345678901234567890123456789012345678901234567890",
            "01",
            "+1",
            ".5",
            "1.",
            "NaN",
            "\"\"",
            "\"text\"",
            "\"delete\"",
            "\"create\"",
            "\"identity\"",
            "\"account\"",
            "\"handle.invalid\"",
            "\"did:plc:z72i7hdynmk6r22z27h6tvur\"",
            "\"\xf0\x9f\x8e\xb6\"",
            "\"\xed\xa0\x80\"",
            "\"\xc0\x80\"",
            "[]",
            "{}",
            "[[[[[]]]]]",
            "{\"did\":\"did:web:x.example\",\"active\":true,\"seq\":5,\"status\":\"suspended\"}",
            "{\"a\":{\"a\":1,\"a\":2}}",
        };
        if (random_.chance(4)) {
            const std::size_t depth = random_.between(250, 260);
            return std::string(depth, '[') + std::string(depth, ']');
        }
        if (random_.chance(4)) return "\"" + std::string(random_.between(60, 600), 'a') + "\"";
        return std::string(random_.pick(values));
    }

    sim::Random random_;
};

}  // namespace subcults::jetstream::test

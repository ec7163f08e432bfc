// Where in a record something is, as a chain on the stack of whoever walks it: costs nothing until
// it is printed.
//
// Internal to this folder.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace subcults::atproto {

inline constexpr std::size_t max_record_path_bytes = 512;

struct RecordPath {
    const RecordPath* parent = nullptr;
    std::string_view key;   // of an object, unless this is an item of an array
    std::size_t index = 0;  // of an array
    bool is_item = false;

    static RecordPath field(const RecordPath& parent, std::string_view key) noexcept {
        return RecordPath{&parent, key, 0, false};
    }
    static RecordPath item(const RecordPath& parent, std::size_t index) noexcept {
        return RecordPath{&parent, {}, index, true};
    }
};

// "record.attachments[3].url". Keys are the author's own words: one that does not look like a
// name (a letter, `_` or `$`, then letters, digits, `_`, `$`, `-`, at most 64 of them) is printed
// as `?`, so that no content gets into logs by this way. In the middle of an overlong path stands
// `...`; at most max_record_path_bytes, ASCII only.
std::string to_string(const RecordPath& path);

}  // namespace subcults::atproto

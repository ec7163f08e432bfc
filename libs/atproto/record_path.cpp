#include "atproto/record_path.hpp"

#include "atproto/characters.hpp"

#include <algorithm>
#include <vector>

namespace subcults::atproto {
namespace {

constexpr std::size_t longest_key = 64;

bool looks_like_a_name(std::string_view key) noexcept {
    if (key.empty() || key.size() > longest_key) return false;
    const auto is_first = [](char c) {
        return detail::is(c, detail::letter) || c == '_' || c == '$';
    };
    return is_first(key[0]) && std::all_of(key.begin(), key.end(), [&](char c) {
               return is_first(c) || detail::is(c, detail::label);
           });
}

}  // namespace

std::string to_string(const RecordPath& path) {
    std::vector<const RecordPath*> steps;
    for (const RecordPath* step = &path; step->parent != nullptr; step = step->parent)
        steps.push_back(step);
    std::string text = "record";
    for (auto at = steps.rbegin(); at != steps.rend(); ++at) {
        const RecordPath& step = **at;
        if (step.is_item) {
            text.append("[").append(std::to_string(step.index)).append("]");
        } else {
            text.append(".").append(looks_like_a_name(step.key) ? step.key : "?");
        }
    }
    if (text.size() > max_record_path_bytes) {
        constexpr std::string_view gap = "...";
        constexpr std::size_t half = (max_record_path_bytes - gap.size()) / 2;
        text.replace(half, text.size() - 2 * half, gap);
    }
    return text;
}

}  // namespace subcults::atproto

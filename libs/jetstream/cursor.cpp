#include "jetstream/cursor.hpp"

#include <algorithm>

namespace subcults::jetstream {

std::optional<std::int64_t> connect_cursor(const StoredCursor& stored, bool same_host,
                                           const Rewind& rewind) noexcept {
    if (!stored.time_us) return std::nullopt;
    const std::int64_t back = (same_host ? rewind.same_host : rewind.other_host).count();
    const std::int64_t from = std::clamp(*stored.time_us, min_time_cursor, end_time_cursor - 1);
    return std::max(from - std::max<std::int64_t>(back, 0), min_time_cursor);
}

void Watermark::observe(std::int64_t time_us, std::optional<std::int64_t> seq) noexcept {
    cursor_.time_us = std::max(cursor_.time_us.value_or(time_us), time_us);
    if (seq) cursor_.seq = std::max(cursor_.seq.value_or(*seq), *seq);
}

}  // namespace subcults::jetstream

#include "streams/denial_memory.hpp"

#include <utility>

namespace subcults::api {

// A wall clock that was set back must not silence refusals until it has caught up.
bool DenialMemory::recent(UnixMicros written, UnixMicros now) const noexcept {
    return written <= now && now.value - written.value < window_us;
}

bool DenialMemory::suppresses(const Denial& denial, UnixMicros now) const {
    for (const auto* generation : {&newer_, &older_}) {
        const auto found = generation->find(denial);
        if (found != generation->end() && recent(found->second, now)) return true;
    }
    return newer_.size() >= capacity_ && recent(begun_, now);
}

void DenialMemory::remember(const Denial& denial, UnixMicros now) {
    if (!recent(begun_, now)) {
        older_ = std::exchange(newer_, {});
        begun_ = now;
    }
    newer_.insert_or_assign(denial, now);
}

}  // namespace subcults::api

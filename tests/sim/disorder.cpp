#include "sim/disorder.hpp"

#include <algorithm>
#include <utility>

namespace subcults::sim {
namespace {

constexpr std::size_t remembered = 8;

}  // namespace

Disorder::Disorder(std::uint64_t seed, std::size_t window, unsigned repeat_percent)
    : random_(seed), window_(std::max<std::size_t>(window, 1)), repeat_percent_(repeat_percent) {}

Disorder::Picked Disorder::pop() {
    Picked picked;
    if (!sent_.empty() && random_.chance(repeat_percent_)) {
        picked.frame = repeat();
        picked.repeated = true;
        return picked;
    }
    // Of the account that the draw hits, the oldest goes first.
    const std::size_t drawn = random_.below(held_.size());
    const std::string& did = held_[drawn]->did;
    const auto first = std::find_if(held_.begin(), held_.end(),
                                    [&did](const auto& frame) { return frame->did == did; });
    picked.frame = *first;
    picked.moved = first != held_.begin();
    held_.erase(first);
    sent_.push_back(picked.frame);
    if (sent_.size() > remembered) sent_.pop_front();
    return picked;
}

// The last one of some account: repeating an older one would break the order within it.
std::shared_ptr<const Frame> Disorder::repeat() {
    const std::string& did = random_.pick(sent_)->did;
    const auto last = std::find_if(sent_.rbegin(), sent_.rend(),
                                   [&did](const auto& frame) { return frame->did == did; });
    return *last;
}

}  // namespace subcults::sim

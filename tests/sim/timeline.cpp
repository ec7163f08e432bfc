#include "sim/timeline.hpp"

#include "sim/json.hpp"

#include <rapidjson/document.h>
#include <algorithm>
#include <charconv>
#include <optional>
#include <utility>

namespace subcults::sim {
namespace {

std::string text_member(const rapidjson::Value& object, const char* name) {
    const rapidjson::Value* const found = find_member(object, name);
    if (found == nullptr || !found->IsString()) return {};
    return {found->GetString(), found->GetStringLength()};
}

std::optional<std::int64_t> look_for_time(std::string_view line) {
    constexpr std::string_view key = "\"time_us\":";
    const std::size_t at = line.find(key);
    if (at == std::string_view::npos) return std::nullopt;
    const char* const start = line.data() + at + key.size();
    std::int64_t time = 0;
    const auto [end, error] = std::from_chars(start, line.data() + line.size(), time);
    if (error != std::errc() || end == start) return std::nullopt;
    return time;
}

}  // namespace

Frame read_frame(std::string line, std::int64_t previous_time) {
    Frame frame;
    frame.time_us = look_for_time(line).value_or(previous_time);
    rapidjson::Document document;
    // Iterative: a line may nest as deeply as a test wants it to.
    document.Parse<rapidjson::kParseIterativeFlag | rapidjson::kParseNumbersAsStringsFlag>(
        line.data(), line.size());
    if (!document.HasParseError() && document.IsObject()) {
        frame.did = text_member(document, "did");
        const rapidjson::Value* const commit = find_member(document, "commit");
        if (commit != nullptr && commit->IsObject()) {
            frame.collection = text_member(*commit, "collection");
        }
    }
    frame.text = std::move(line);
    return frame;
}

Timeline::Timeline(std::size_t retention) : ring_(std::max<std::size_t>(retention, 1)) {}

void Timeline::publish(Frame frame) {
    latest_time_ = frame.time_us;
    std::shared_ptr<const Frame>& slot = ring_[published_ % ring_.size()];
    if (slot) lose(slot);
    slot = std::make_shared<const Frame>(std::move(frame));
    ++retained_;
    ++published_;
}

void Timeline::lose(std::shared_ptr<const Frame>& slot) {
    lost_time_ = std::max(lost_time_, slot->time_us);
    lost_seq_ = std::max(lost_seq_, slot->seq.value_or(0));
    slot.reset();
    --retained_;
}

std::size_t Timeline::forget(std::int64_t before_us) {
    const std::size_t before = retained_;
    for (auto& slot : ring_) {
        if (slot && slot->time_us < before_us) lose(slot);
    }
    return before - retained_;
}

std::vector<std::shared_ptr<const Frame>> Timeline::revoke(std::size_t count) {
    std::vector<std::shared_ptr<const Frame>> taken;
    for (std::uint64_t at = end(); at > begin() && taken.size() < count;) {
        auto& slot = ring_[--at % ring_.size()];
        if (!slot) continue;
        taken.push_back(std::move(slot));
        slot.reset();
        --retained_;
    }
    std::reverse(taken.begin(), taken.end());
    return taken;
}

std::uint64_t Timeline::begin() const noexcept {
    return published_ < ring_.size() ? 0 : published_ - ring_.size();
}

std::shared_ptr<const Frame> Timeline::at(std::uint64_t position) const {
    if (position < begin() || position >= end()) return nullptr;
    return ring_[position % ring_.size()];
}

}  // namespace subcults::sim

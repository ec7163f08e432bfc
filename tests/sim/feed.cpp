#include "sim/feed.hpp"

#include "atproto/tid.hpp"
#include "sim/json.hpp"

#include <rapidjson/document.h>
#include <rapidjson/stringbuffer.h>
#include <rapidjson/writer.h>
#include <algorithm>
#include <limits>
#include <utility>

namespace subcults::sim {
namespace {

constexpr std::int64_t second = 1'000'000;

}  // namespace

FileFeed::FileFeed(std::vector<std::string> lines, bool loop)
    : lines_(std::move(lines)), loop_(loop) {
    std::erase_if(lines_, [](const std::string& line) { return line.empty(); });
    std::int64_t first = std::numeric_limits<std::int64_t>::max();
    std::int64_t last = 0;
    for (const std::string& line : lines_) {
        const std::int64_t time = loop_ ? read_frame(line, 0).time_us : 0;
        if (time > 0) first = std::min(first, time);
        last = std::max(last, time);
    }
    span_ = std::max<std::int64_t>(last - first, 0) + second;
}

std::optional<Frame> FileFeed::next(std::int64_t) {
    if (at_ == lines_.size()) {
        if (!loop_ || lines_.empty()) return std::nullopt;
        at_ = 0;
        ++pass_;
    }
    const std::string& line = lines_[at_++];
    Frame frame = read_frame(pass_ == 0 ? line : restamped(line), previous_time_);
    previous_time_ = frame.time_us;
    return frame;
}

std::string FileFeed::restamped(const std::string& line) const {
    rapidjson::Document document;
    document.Parse<rapidjson::kParseIterativeFlag | rapidjson::kParseFullPrecisionFlag>(
        line.data(), line.size());
    if (document.HasParseError() || !document.IsObject()) return line;
    const std::int64_t shift = pass_ * span_;
    rapidjson::Value* const time = find_member(document, "time_us");
    if (time != nullptr && time->IsInt64()) {
        time->SetInt64(time->GetInt64() + shift);
    }
    rapidjson::Value* const cursor = find_member(document, "cursor");
    if (cursor != nullptr && cursor->IsInt64()) {
        cursor->SetInt64(cursor->GetInt64() + pass_ * static_cast<std::int64_t>(lines_.size()));
    }
    rapidjson::Value* const commit = find_member(document, "commit");
    if (commit != nullptr && commit->IsObject()) {
        rapidjson::Value* const rev = find_member(*commit, "rev");
        if (rev != nullptr && rev->IsString()) {
            if (auto tid = atproto::decode_tid(rev->GetString())) {
                tid->micros += shift;
                const atproto::TidText text(*tid);
                rev->SetString(text.view().data(),
                               static_cast<rapidjson::SizeType>(text.view().size()),
                               document.GetAllocator());
            }
        }
    }
    rapidjson::StringBuffer buffer;
    rapidjson::Writer<rapidjson::StringBuffer> writer(buffer);
    document.Accept(writer);
    return {buffer.GetString(), buffer.GetSize()};
}

GeneratorFeed::GeneratorFeed(GeneratorFeedOptions options)
    : options_(options), generator_(options.generator) {}

std::optional<Frame> GeneratorFeed::next(std::int64_t now) {
    if (options_.events > 0 && made_ == options_.events) return std::nullopt;
    const std::int64_t time =
        options_.start_time_us
            ? *options_.start_time_us + static_cast<std::int64_t>(made_) * options_.step_us
            : now;
    ++made_;
    GeneratedEvent event = generator_.next(time);
    Frame frame;
    frame.text = std::move(event.frame);
    frame.time_us = event.time_us;
    frame.did = std::move(event.did);
    frame.collection = std::move(event.collection);
    return frame;
}

}  // namespace subcults::sim

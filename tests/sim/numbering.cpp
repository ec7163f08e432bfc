#include "sim/numbering.hpp"

#include <rapidjson/memorystream.h>
#include <rapidjson/reader.h>
#include <algorithm>
#include <optional>
#include <utility>

namespace subcults::sim {
namespace {

constexpr int batch_events = 16;
constexpr std::int64_t batch_us = 50'000;

struct Span {
    std::size_t begin = 0;
    std::size_t end = 0;
};

// Where the numbers of the outermost object stand. Numbers arrive unconverted, and the stream is
// then right behind them.
class NumberFinder : public rapidjson::BaseReaderHandler<rapidjson::UTF8<>, NumberFinder> {
  public:
    explicit NumberFinder(const rapidjson::MemoryStream& stream) : stream_(stream) {}

    bool Default() noexcept {
        wanted_ = nullptr;
        return true;
    }
    bool RawNumber(const char*, rapidjson::SizeType length, bool) noexcept {
        const std::size_t end = stream_.Tell();
        if (wanted_ != nullptr) *wanted_ = Span{end - length, end};
        return Default();
    }
    bool Key(const char* text, rapidjson::SizeType length, bool) noexcept {
        const std::string_view name(text, length);
        wanted_ = nullptr;
        if (depth_ == 1 && name == "time_us") wanted_ = &time_us;
        if (depth_ == 1 && name == "cursor") wanted_ = &cursor;
        return true;
    }
    bool StartObject() noexcept { return enter(); }
    bool StartArray() noexcept { return enter(); }
    bool EndObject(rapidjson::SizeType) noexcept { return leave(); }
    bool EndArray(rapidjson::SizeType) noexcept { return leave(); }

    std::optional<Span> time_us;
    std::optional<Span> cursor;

  private:
    bool enter() noexcept {
        wanted_ = nullptr;
        ++depth_;
        return true;
    }
    bool leave() noexcept {
        --depth_;
        return true;
    }

    const rapidjson::MemoryStream& stream_;
    int depth_ = 0;
    std::optional<Span>* wanted_ = nullptr;
};

// The event as such: what is the same whatever number and time it was given.
std::string identity(const Frame& frame) {
    return renumbered(frame.text, 0, 0);
}

}  // namespace

std::string renumbered(std::string_view line, std::int64_t time_us, std::int64_t cursor) {
    constexpr unsigned flags =
        rapidjson::kParseIterativeFlag | rapidjson::kParseNumbersAsStringsFlag;
    rapidjson::MemoryStream stream(line.data(), line.size());
    rapidjson::Reader reader;
    NumberFinder finder(stream);
    if (reader.Parse<flags>(stream, finder).IsError() || !finder.time_us) return std::string(line);

    const std::string time = std::to_string(time_us);
    const std::string number = std::to_string(cursor);
    const auto [time_begin, time_end] = *finder.time_us;
    std::string out(line);
    if (!finder.cursor) {
        return out.replace(time_begin, time_end - time_begin, time + ",\"cursor\":" + number);
    }
    // The later one first, so that the earlier one stays where it is.
    const auto [cursor_begin, cursor_end] = *finder.cursor;
    if (cursor_begin > time_begin) {
        out.replace(cursor_begin, cursor_end - cursor_begin, number);
        out.replace(time_begin, time_end - time_begin, time);
    } else {
        out.replace(time_begin, time_end - time_begin, time);
        out.replace(cursor_begin, cursor_end - cursor_begin, number);
    }
    return out;
}

Numbering::Numbering(std::int64_t first_seq)
    : first_(std::max<std::int64_t>(first_seq, 1)), next_(first_) {}

void Numbering::stamp(Frame& frame) {
    const bool joins =
        batch_left_ > 0 && frame.time_us >= batch_time_ && frame.time_us - batch_time_ <= batch_us;
    if (!joins) {
        batch_time_ = frame.time_us;
        batch_left_ = batch_events;
    }
    --batch_left_;
    frame.time_us = batch_time_;
    frame.seq = next_++;
    frame.text = renumbered(frame.text, frame.time_us, *frame.seq);

    const auto before = given_before_.find(*frame.seq);
    if (before == given_before_.end()) return;
    if (before->second != identity(frame)) ++reassigned_;
    given_before_.erase(before);
}

void Numbering::regress(std::int64_t by, const std::vector<std::shared_ptr<const Frame>>& revoked) {
    next_ = std::max(first_, next_ - std::max<std::int64_t>(by, 0));
    batch_left_ = 0;
    for (const auto& frame : revoked) {
        if (frame->seq) given_before_.insert_or_assign(*frame->seq, identity(*frame));
    }
}

}  // namespace subcults::sim

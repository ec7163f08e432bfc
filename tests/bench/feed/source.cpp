#include "bench/feed/source.hpp"

#include <algorithm>
#include <cmath>
#include <stdexcept>
#include <utility>

namespace subcults::bench {
namespace {

// So many bytes go to the kernel at once: enough that system calls do not count.
constexpr std::size_t piece_bytes = 256 * 1024;
constexpr std::size_t stamp_digits = 16;

void write_stamp(char* digits, std::int64_t time_us) noexcept {
    for (std::size_t i = stamp_digits; i-- > 0; time_us /= 10)
        digits[i] = static_cast<char>('0' + time_us % 10);
}

}  // namespace

class ListedFrames::Reader final : public FeedReader {
  public:
    Reader(const ListedFrames& list, std::size_t from) : list_(list), at_(from) {}

    Piece next(SteadyClock::time_point now) override {
        Piece piece;
        if (at_ == list_.size()) return piece;
        const std::size_t end = std::min(list_.size(), list_.allowed_.load());
        if (at_ >= end) {
            piece.again = now + std::chrono::milliseconds(2);
            return piece;
        }
        const std::size_t first = at_;
        const std::size_t begin = list_.begins_[first];
        do {
            ++at_;
        } while (at_ < end && list_.begins_[at_ + 1] - begin <= piece_bytes);
        piece.bytes = std::string_view(list_.encoded_).substr(begin, list_.begins_[at_] - begin);
        piece.frames = at_ - first;
        return piece;
    }

  private:
    const ListedFrames& list_;
    std::size_t at_;
};

ListedFrames::ListedFrames(const std::vector<std::string>& lines,
                           std::vector<std::int64_t> times_us)
    : times_us_(std::move(times_us)) {
    if (lines.size() != times_us_.size()) throw std::invalid_argument("one time per line");
    for (const std::string& line : lines) {
        begins_.push_back(encoded_.size());
        append_frame(encoded_, line);
    }
    begins_.push_back(encoded_.size());
}

std::unique_ptr<FeedReader> ListedFrames::open(std::optional<std::int64_t> cursor) {
    std::size_t from = 0;
    if (cursor) {
        const auto found = std::lower_bound(times_us_.begin(), times_us_.end(), *cursor);
        from = static_cast<std::size_t>(found - times_us_.begin());
    }
    return std::make_unique<Reader>(*this, from);
}

class LoopedFrames::Reader final : public FeedReader {
  public:
    Reader(LoopedFrames& loop, std::uint64_t from) : loop_(loop), position_(from) {}

    Piece next(SteadyClock::time_point) override {
        const std::size_t count = loop_.frames_.size();
        const auto first = static_cast<std::size_t>(position_ % count);
        const std::size_t begin = loop_.frames_[first].begin;
        std::size_t end = begin;
        std::size_t at = first;
        while (at < count && end - begin < piece_bytes) {
            write_stamp(loop_.encoded_.data() + loop_.frames_[at].stamp,
                        loop_.first_time_us_ + static_cast<std::int64_t>(position_));
            ++at;
            ++position_;
            end = at < count ? loop_.frames_[at].begin : loop_.encoded_.size();
        }
        Piece piece;
        piece.bytes = std::string_view(loop_.encoded_).substr(begin, end - begin);
        piece.frames = at - first;
        return piece;
    }

  private:
    LoopedFrames& loop_;
    std::uint64_t position_;
};

LoopedFrames::LoopedFrames(const std::vector<std::string>& lines, std::int64_t first_time_us)
    : first_time_us_(first_time_us) {
    constexpr std::string_view key = "\"time_us\":";
    for (const std::string& line : lines) {
        Place place{};
        place.begin = encoded_.size();
        append_frame(encoded_, line);
        const std::size_t at = encoded_.find(key, place.begin);
        if (at == std::string::npos) throw std::invalid_argument("a line without time_us");
        place.stamp = at + key.size();
        const auto digits = std::string_view(encoded_).substr(place.stamp, stamp_digits);
        if (digits.find_first_not_of("0123456789") != std::string_view::npos) {
            throw std::invalid_argument("a time_us that has not sixteen digits");
        }
        frames_.push_back(place);
        payload_bytes_ += line.size();
    }
    if (frames_.empty()) throw std::invalid_argument("no lines to send");
}

std::unique_ptr<FeedReader> LoopedFrames::open(std::optional<std::int64_t> cursor) {
    const std::int64_t from = cursor ? std::max<std::int64_t>(0, *cursor - first_time_us_) : 0;
    return std::make_unique<Reader>(*this, static_cast<std::uint64_t>(from));
}

double LoopedFrames::mean_bytes() const noexcept {
    return static_cast<double>(payload_bytes_) / static_cast<double>(frames_.size());
}

class LoopedPayloads::Reader final : public FeedReader {
  public:
    explicit Reader(const LoopedPayloads& loop) : loop_(loop) {}

    Piece next(SteadyClock::time_point) override {
        const std::size_t count = loop_.begins_.size() - 1;
        const std::size_t first = at_;
        const std::size_t begin = loop_.begins_[first];
        do {
            ++at_;
        } while (at_ < count && loop_.begins_[at_] - begin < piece_bytes);
        Piece piece;
        piece.bytes = std::string_view(loop_.encoded_).substr(begin, loop_.begins_[at_] - begin);
        piece.frames = at_ - first;
        if (at_ == count) at_ = 0;
        return piece;
    }

  private:
    const LoopedPayloads& loop_;
    std::size_t at_ = 0;
};

LoopedPayloads::LoopedPayloads(const std::vector<std::string>& payloads) {
    for (const std::string& payload : payloads) {
        begins_.push_back(encoded_.size());
        append_frame(encoded_, payload, Opcode::binary);
        payload_bytes_ += payload.size();
    }
    begins_.push_back(encoded_.size());
    if (payloads.empty()) throw std::invalid_argument("no payloads to send");
}

std::unique_ptr<FeedReader> LoopedPayloads::open(std::optional<std::int64_t>) {
    return std::make_unique<Reader>(*this);
}

double LoopedPayloads::mean_bytes() const noexcept {
    return static_cast<double>(payload_bytes_) / static_cast<double>(begins_.size() - 1);
}

class PacedFrames::Reader final : public FeedReader {
  public:
    explicit Reader(PacedFrames& paced) : paced_(paced) {}

    Piece next(SteadyClock::time_point now) override {
        Piece piece;
        const std::size_t index = paced_.sent_.load(std::memory_order_relaxed);
        if (index == paced_.sent_at_.size()) return piece;
        if (paced_.due_ == SteadyClock::time_point{}) paced_.due_ = now;
        if (now < paced_.due_) {
            piece.again = paced_.due_;
            return piece;
        }
        paced_.frame_.clear();
        append_frame(paced_.frame_, paced_.make_(index));
        const double uniform = std::generate_canonical<double, 53>(paced_.random_);
        const std::chrono::duration<double> gap(-std::log1p(-uniform) * paced_.mean_gap_seconds_);
        paced_.due_ += std::chrono::duration_cast<SteadyClock::duration>(gap);
        paced_.sent_at_[index] = SteadyClock::now();
        paced_.sent_.store(index + 1, std::memory_order_release);
        piece.bytes = paced_.frame_;
        piece.frames = 1;
        return piece;
    }

  private:
    PacedFrames& paced_;
};

PacedFrames::PacedFrames(std::size_t count, double per_second, std::uint64_t seed, Make make)
    : make_(std::move(make)), mean_gap_seconds_(1 / per_second), random_(seed), sent_at_(count) {}

std::unique_ptr<FeedReader> PacedFrames::open(std::optional<std::int64_t>) {
    return std::make_unique<Reader>(*this);
}

}  // namespace subcults::bench

#include "base/log.hpp"

#include "base/time.hpp"

#include <rapidjson/stringbuffer.h>
#include <rapidjson/writer.h>
#include <spdlog/logger.h>
#include <spdlog/sinks/stdout_sinks.h>

#include <array>
#include <cmath>
#include <cstdio>
#include <utility>

namespace subcults {

namespace {

constexpr std::size_t max_text_bytes = 2 * 1024;
constexpr std::size_t max_key_bytes = 128;
constexpr std::size_t max_line_bytes = 16 * 1024;
constexpr std::size_t keep_buffer_bytes = 64 * 1024;
constexpr std::string_view replacement = "\xef\xbf\xbd";  // U+FFFD
constexpr std::string_view ellipsis = "\xe2\x80\xa6";     // U+2026

using JsonWriter = rapidjson::Writer<rapidjson::StringBuffer>;

// Length of the well-formed UTF-8 sequence at the start of `text`, 0 if there is none
// (Unicode 15, table 3-7: no overlong forms, no surrogates, nothing above U+10FFFF).
std::size_t sequence_length(std::string_view text) noexcept {
    const auto at = [text](std::size_t i) {
        return i < text.size() ? static_cast<unsigned char>(text[i]) : 0U;
    };
    const auto tail = [&at](std::size_t i) { return (at(i) & 0xc0U) == 0x80U; };
    const unsigned lead = at(0);
    if (lead < 0x80U) return 1;
    if (lead >= 0xc2U && lead <= 0xdfU) return tail(1) ? 2 : 0;
    if (lead >= 0xe0U && lead <= 0xefU) {
        const bool second =
            tail(1) && !(lead == 0xe0U && at(1) < 0xa0U) && !(lead == 0xedU && at(1) > 0x9fU);
        return second && tail(2) ? 3 : 0;
    }
    if (lead >= 0xf0U && lead <= 0xf4U) {
        const bool second =
            tail(1) && !(lead == 0xf0U && at(1) < 0x90U) && !(lead == 0xf4U && at(1) > 0x8fU);
        return second && tail(2) && tail(3) ? 4 : 0;
    }
    return 0;
}

// Valid UTF-8 of at most `limit` bytes (before replacements and the ellipsis).
void clean(std::string& out, std::string_view text, std::size_t limit) {
    out.clear();
    std::size_t at = 0;
    while (at < text.size()) {
        const std::size_t length = sequence_length(text.substr(at));
        const std::size_t step = length == 0 ? 1 : length;
        if (at + step > limit) {
            out.append(ellipsis);
            return;
        }
        if (length == 0) {
            out.append(replacement);
        } else {
            out.append(text, at, length);
        }
        at += step;
    }
}

std::string_view level_name(LogLevel level) noexcept {
    switch (level) {
        case LogLevel::trace:
            return "trace";
        case LogLevel::debug:
            return "debug";
        case LogLevel::info:
            return "info";
        case LogLevel::warn:
            return "warn";
        case LogLevel::error:
            return "error";
        case LogLevel::off:
            break;
    }
    return "off";
}

spdlog::level::level_enum spdlog_level(LogLevel level) noexcept {
    switch (level) {
        case LogLevel::trace:
            return spdlog::level::trace;
        case LogLevel::debug:
            return spdlog::level::debug;
        case LogLevel::info:
            return spdlog::level::info;
        case LogLevel::warn:
            return spdlog::level::warn;
        case LogLevel::error:
            return spdlog::level::err;
        case LogLevel::off:
            break;
    }
    return spdlog::level::off;
}

// Always with three decimals, so that lines sort and align as text.
std::array<char, 24> time_with_millis() {
    const UnixMicros now = now_micros();
    const std::string seconds = format_rfc3339({now.value - now.value % 1'000'000});
    const auto millis = static_cast<unsigned>(now.value / 1'000 % 1'000);
    std::array<char, 24> text{};
    seconds.copy(text.data(), 19);
    text[19] = '.';
    text[20] = static_cast<char>('0' + millis / 100);
    text[21] = static_cast<char>('0' + millis / 10 % 10);
    text[22] = static_cast<char>('0' + millis % 10);
    text[23] = 'Z';
    return text;
}

class LineBuilder {
  public:
    std::string_view build(std::string_view service, LogLevel level, std::string_view event,
                           LogFields fields) {
        buffer_.Clear();
        writer_.Reset(buffer_);
        writer_.StartObject();
        const std::array<char, 24> time = time_with_millis();
        plain("time", {time.data(), time.size()});
        plain("level", level_name(level));
        text("service", service);
        text("event", event);
        for (const LogField& field : fields) {
            if (buffer_.GetSize() > max_line_bytes) {
                plain_key("truncated");
                writer_.Bool(true);
                break;
            }
            key(field.key());
            std::visit([this](const auto& value) { this->value(value); }, field.value());
        }
        writer_.EndObject();
        return {buffer_.GetString(), buffer_.GetSize()};
    }

    // A hostile line must not keep its memory for the life of the thread.
    void trim() {
        if (buffer_.GetSize() <= keep_buffer_bytes) return;
        buffer_.Clear();
        buffer_.ShrinkToFit();
    }

  private:
    static rapidjson::SizeType size(std::string_view text) noexcept {
        return static_cast<rapidjson::SizeType>(text.size());
    }
    void plain_key(std::string_view key) { writer_.Key(key.data(), size(key)); }
    void plain(std::string_view key, std::string_view value) {
        plain_key(key);
        writer_.String(value.data(), size(value));
    }
    void text(std::string_view key, std::string_view text_value) {
        plain_key(key);
        value(text_value);
    }
    void key(std::string_view name) {
        clean(scratch_, name, max_key_bytes);
        if (scratch_ == "time" || scratch_ == "level" || scratch_ == "service" ||
            scratch_ == "event") {
            scratch_.push_back('_');
        }
        writer_.Key(scratch_.data(), size(scratch_));
    }
    void value(std::string_view text_value) {
        clean(scratch_, text_value, max_text_bytes);
        writer_.String(scratch_.data(), size(scratch_));
    }
    void value(bool flag) { writer_.Bool(flag); }
    void value(std::int64_t number) { writer_.Int64(number); }
    void value(std::uint64_t number) { writer_.Uint64(number); }
    void value(double number) {
        if (std::isfinite(number)) {
            writer_.Double(number);
        } else {
            writer_.Null();
        }
    }

    rapidjson::StringBuffer buffer_;
    JsonWriter writer_{buffer_};
    std::string scratch_;
};

std::shared_ptr<spdlog::logger> stderr_logger() {
    auto sink = std::make_shared<spdlog::sinks::stderr_sink_mt>();
    return std::make_shared<spdlog::logger>("subcults", std::move(sink));
}

}  // namespace

Log::Log(std::string service, LogLevel level) : Log(std::move(service), level, stderr_logger()) {}

Log::Log(std::string service, LogLevel level, std::shared_ptr<spdlog::logger> sink)
    : service_(std::move(service)), level_(level), sink_(std::move(sink)) {
    sink_->set_pattern("%v");
    sink_->set_level(spdlog::level::trace);  // levels are decided here, before a line is built
    // spdlog would report a failing sink as free text, which would break the line format.
    sink_->set_error_handler([](const std::string&) {});
}

Log::~Log() = default;

void Log::line(LogLevel level, std::string_view event, LogFields fields) {
    if (level == LogLevel::off || !enabled(level)) return;
    try {
        static thread_local LineBuilder builder;
        const std::string_view text = builder.build(service_, level, event, fields);
        sink_->log(spdlog_level(level), spdlog::string_view_t(text.data(), text.size()));
        builder.trim();
    } catch (...) {
        // Out of memory while describing something: what is being described matters more.
    }
}

void Log::flush() {
    try {
        sink_->flush();
    } catch (...) {
        // See line(): logging never stops its caller.
    }
}

bool LogLimit::allow(std::uint64_t& held_back) noexcept {
    return allow(held_back, std::chrono::steady_clock::now());
}

bool LogLimit::allow(std::uint64_t& held_back, std::chrono::steady_clock::time_point now) noexcept {
    using std::chrono::duration_cast;
    using std::chrono::nanoseconds;
    const std::int64_t now_ns = duration_cast<nanoseconds>(now.time_since_epoch()).count();
    std::int64_t next = next_ns_.load(std::memory_order_relaxed);
    // Of all threads that find the interval over, the one that moves the mark may write.
    if (now_ns >= next &&
        next_ns_.compare_exchange_strong(next, now_ns + nanoseconds(interval_).count(),
                                         std::memory_order_relaxed)) {
        held_back = refused_.exchange(0, std::memory_order_relaxed);
        return true;
    }
    refused_.fetch_add(1, std::memory_order_relaxed);
    held_back = 0;
    return false;
}

LogLevel log_level_from(std::string_view name) noexcept {
    constexpr std::array levels{LogLevel::trace, LogLevel::debug, LogLevel::info,
                                LogLevel::warn,  LogLevel::error, LogLevel::off};
    for (const LogLevel level : levels) {
        if (name == level_name(level)) return level;
    }
    return LogLevel::info;
}

}  // namespace subcults

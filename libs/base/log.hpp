// Log lines for machines: one JSON object per line on stderr, written by spdlog from any thread.
//
//     log.info("batch committed", {{"events", 512}, {"seconds", 0.012}});
//     {"time":"2026-01-29T02:30:00.123Z","level":"info","service":"indexer",
//      "event":"batch committed","events":512,"seconds":0.012}          (all on one line)
//
// Events are short constant texts; what varies goes into fields. Never a secret, a token or a DID.
// Bytes that are not UTF-8 become U+FFFD, texts are cut at 2 KiB (an ellipsis marks the cut) and
// lines at about 16 KiB ("truncated":true); numbers that JSON cannot express become null. A field
// called time, level, service or event gets a trailing underscore. Nothing here throws: a line that
// cannot be written is lost and the caller goes on.
// A level that is off costs one relaxed load (but its arguments are evaluated: keep them cheap).
#pragma once

#include <atomic>
#include <chrono>
#include <concepts>
#include <cstdint>
#include <initializer_list>
#include <memory>
#include <string>
#include <string_view>
#include <variant>

namespace spdlog {
class logger;
}

namespace subcults {

// A field of a log line. Views are read before the call returns and are not kept.
class LogField {
  public:
    LogField(std::string_view key, std::string_view value) : key_(key), value_(value) {}
    LogField(std::string_view key, const std::string& value)
        : key_(key), value_(std::string_view(value)) {}
    LogField(std::string_view key, const char* value)
        : key_(key), value_(std::string_view(value)) {}
    LogField(std::string_view key, bool value) : key_(key), value_(value) {}
    template <std::signed_integral T>
    LogField(std::string_view key, T value) : key_(key), value_(std::int64_t{value}) {}
    template <std::unsigned_integral T>
    requires(!std::same_as<T, bool>) LogField(std::string_view key, T value)
        : key_(key), value_(std::uint64_t{value}) {}
    template <std::floating_point T>
    LogField(std::string_view key, T value) : key_(key), value_(double{value}) {}

    std::string_view key() const noexcept { return key_; }
    using Value = std::variant<std::string_view, bool, std::int64_t, std::uint64_t, double>;
    const Value& value() const noexcept { return value_; }

  private:
    std::string_view key_;
    Value value_;
};

enum class LogLevel { trace, debug, info, warn, error, off };

using LogFields = std::initializer_list<LogField>;

class Log {
  public:
    // Lines go to stderr.
    Log(std::string service, LogLevel level);
    // Lines go to `sink` instead (tests).
    Log(std::string service, LogLevel level, std::shared_ptr<spdlog::logger> sink);
    ~Log();
    Log(const Log&) = delete;
    Log& operator=(const Log&) = delete;

    bool enabled(LogLevel level) const noexcept {
        return level >= level_.load(std::memory_order_relaxed);
    }
    void debug(std::string_view event, LogFields fields = {}) {
        line(LogLevel::debug, event, fields);
    }
    void info(std::string_view event, LogFields fields = {}) {
        line(LogLevel::info, event, fields);
    }
    void warn(std::string_view event, LogFields fields = {}) {
        line(LogLevel::warn, event, fields);
    }
    void error(std::string_view event, LogFields fields = {}) {
        line(LogLevel::error, event, fields);
    }

    void line(LogLevel level, std::string_view event, LogFields fields);
    void flush();

  private:
    std::string service_;
    std::atomic<LogLevel> level_;
    std::shared_ptr<spdlog::logger> sink_;
};

// For what a stranger can trigger at will: lets at most one line per interval through and says how
// many were held back. Thread-safe, lock-free.
class LogLimit {
  public:
    explicit LogLimit(std::chrono::milliseconds interval) noexcept : interval_(interval) {}
    // Returns true when a line may be written now; `held_back` = lines refused since the last one.
    bool allow(std::uint64_t& held_back) noexcept;
    bool allow(std::uint64_t& held_back, std::chrono::steady_clock::time_point now) noexcept;

  private:
    std::chrono::milliseconds interval_;
    std::atomic<std::int64_t> next_ns_{0};
    std::atomic<std::uint64_t> refused_{0};
};

// "trace" … "off"; anything else is info.
LogLevel log_level_from(std::string_view name) noexcept;

}  // namespace subcults

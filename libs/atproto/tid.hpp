// Timestamp identifiers: 13 characters that sort as text the way they sort in time. Commit
// revisions and most record keys are TIDs.
//
// A TID holds 53 bits of Unix microseconds and 10 bits of a clock id that keeps concurrent writers
// apart. Never throws; only encoding returns an owned (short, unallocated) value. Thread-safe.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string_view>

namespace subcults::atproto {

inline constexpr std::size_t tid_bytes = 13;

struct Tid {
    std::int64_t micros = 0;     // since 1970
    std::uint32_t clock_id = 0;  // 0..1023
};

bool is_valid_tid(std::string_view text) noexcept;

// nullopt when the syntax is broken. The protocol's syntax leaves room for one bit more than the
// 53 of a conforming stamp; it is kept in `micros`.
std::optional<Tid> decode_tid(std::string_view text) noexcept;

// The text form. Only the low 53 bits of `micros` and the low 10 bits of `clock_id` count.
class TidText {
  public:
    explicit TidText(Tid tid) noexcept;
    std::string_view view() const noexcept { return {text_.data(), text_.size()}; }
    operator std::string_view() const noexcept { return view(); }

  private:
    std::array<char, tid_bytes> text_;
};

}  // namespace subcults::atproto

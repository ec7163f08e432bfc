// Answers as bytes: one append-only buffer per connection, no header map in between.
//
// Header values cannot break out of their line: control characters become blanks.
#pragma once

#include "net/http_message.hpp"

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace subcults::net {

// The `Date` line, made again only when the second changes. Not thread-safe: one per worker.
class DateLine {
  public:
    void refresh(std::int64_t unix_seconds);
    const std::string& text() const noexcept { return text_; }  // "Date: …\r\n"

  private:
    std::int64_t second_ = -1;
    std::string text_;
};

enum class ConnectionLine { none, close, keep_alive };

struct AnswerFrame {
    std::string_view date_line;
    std::string_view common_headers;  // complete lines
    std::string_view request_id;
    const AnswerHeaders* more_headers = nullptr;  // null = none
    ConnectionLine connection = ConnectionLine::none;
    bool head_only = false;  // HEAD: the length of the body, but not the body
};

// Appends the head and, unless `defer_body`, the body.
void append_response(std::string& out, const Response& response, const AnswerFrame& frame,
                     bool defer_body);

// Whether an answer with this status carries a body at all (not 1xx, 204, 304).
bool has_body(unsigned status) noexcept;

std::string_view reason_phrase(unsigned status) noexcept;

}  // namespace subcults::net

// The request head as views into the connection's read buffer, on Beast's HTTP/1 grammar.
//
// Nothing is copied: fields are offsets into one contiguous buffer, so the head survives a move of
// that buffer by telling it the new address. Requests whose framing two parsers could read in two
// ways (the stuff of request smuggling) are refused, never repaired.
// One object per connection, used again for every request. Not thread-safe. No allocation per
// request once the field list has grown.
#pragma once

#include "net/http_message.hpp"

#include <boost/beast/http/basic_parser.hpp>
#include <boost/optional.hpp>

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace subcults::net {

class RequestHead {
  public:
    static constexpr std::size_t max_fields = 100;

    struct Span {
        std::uint32_t offset = 0;
        std::uint32_t length = 0;
    };
    struct Field {
        Span name;
        Span value;
    };

    void reset(const char* base, std::size_t size) noexcept;
    // The buffer moved; its content up to the end of the head did not change.
    void rebase(const char* base) noexcept { base_ = base; }

    std::string_view text(Span span) const noexcept { return {base_ + span.offset, span.length}; }
    std::string_view target() const noexcept { return text(target_); }
    // The value of the header's occurrence number `index`, in the order sent.
    std::optional<std::string_view> find(std::string_view name,
                                         std::size_t index = 0) const noexcept;
    std::size_t count(std::string_view name) const noexcept;

    Method method = Method::other;
    bool connect_or_trace = false;
    bool http11 = true;
    bool keep_alive = false;
    bool chunked = false;
    bool expect_continue = false;
    std::uint64_t content_length = 0;
    std::optional<Span> content_type;
    std::optional<Span> request_id;  // as sent; may be unacceptable

  private:
    friend class MessageParser;
    // False when the text does not lie in the buffer.
    bool span_of(std::string_view text, Span& span) const noexcept;

    const char* base_ = nullptr;
    std::size_t size_ = 0;
    Span target_;
    std::vector<Field> fields_;
};

// Parses one message. Made anew for each request; cheap.
class MessageParser final : public boost::beast::http::basic_parser<true> {
  public:
    enum class Verdict { ok, malformed, too_large };

    MessageParser(RequestHead& head, std::size_t max_header_bytes);

    // Takes a complete head (up to and including the blank line) in one piece.
    Verdict parse_head(std::string_view text);
    // Whether the beginning of a head is already beyond repair.
    static bool hopeless(std::string_view text, std::size_t max_header_bytes);

    struct Progress {
        std::size_t consumed = 0;
        bool done = false;
        bool bad = false;
        bool too_large = false;
    };
    // After the head of a chunked message: decodes what is there, appending to `into` (null = the
    // data is thrown away). The data may not exceed `limit` bytes in total.
    void start_chunks(std::uint64_t limit, std::string* into);
    Progress put_chunks(std::string_view text);

  private:
    using ErrorCode = boost::beast::error_code;
    using View = boost::beast::string_view;

    void on_request_impl(boost::beast::http::verb verb, View method, View target, int version,
                         ErrorCode& ec) override;
    void on_response_impl(int, View, int, ErrorCode&) override {}
    void on_field_impl(boost::beast::http::field field, View name, View value,
                       ErrorCode& ec) override;
    void on_header_impl(ErrorCode& ec) override;
    void on_body_init_impl(const boost::optional<std::uint64_t>&, ErrorCode&) override {}
    std::size_t on_body_impl(View body, ErrorCode&) override { return body.size(); }
    void on_chunk_header_impl(std::uint64_t, View, ErrorCode&) override {}
    std::size_t on_chunk_body_impl(std::uint64_t remain, View body, ErrorCode&) override;
    void on_finish_impl(ErrorCode&) override {}

    RequestHead& head_;
    std::string* into_ = nullptr;
    bool head_done_ = false;
    bool too_many_fields_ = false;
    unsigned hosts_ = 0;
    unsigned transfer_encodings_ = 0;
};

bool equals_no_case(std::string_view a, std::string_view b) noexcept;

// The media type of a Content-Type value: parameters and blanks cut off.
std::string_view media_type(std::string_view content_type) noexcept;

// Whether a client's X-Request-ID may be adopted: 1..128 of [A-Za-z0-9_-].
bool is_request_id(std::string_view text) noexcept;

}  // namespace subcults::net

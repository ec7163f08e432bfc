#include "net/http_parser.hpp"

#include <boost/beast/http/error.hpp>
#include <boost/beast/http/field.hpp>
#include <boost/beast/http/verb.hpp>

#include <algorithm>

namespace subcults::net {
namespace http = boost::beast::http;

namespace {

char lower(char c) noexcept {
    return (c >= 'A' && c <= 'Z') ? static_cast<char>(c | 0x20) : c;
}

bool only_blanks(const char* from, const char* to) noexcept {
    return std::all_of(from, to, [](char c) { return c == ' ' || c == '\t'; });
}

bool only_digits(std::string_view text) noexcept {
    return std::all_of(text.begin(), text.end(), [](char c) { return c >= '0' && c <= '9'; });
}

Method to_method(http::verb verb) noexcept {
    switch (verb) {
        case http::verb::get:
            return Method::get;
        case http::verb::head:
            return Method::head;
        case http::verb::post:
            return Method::post;
        case http::verb::put:
            return Method::put;
        case http::verb::patch:
            return Method::patch;
        case http::verb::delete_:
            return Method::del;
        case http::verb::options:
            return Method::options;
        default:
            return Method::other;
    }
}

std::string_view to_std(boost::beast::string_view text) noexcept {
    return {text.data(), text.size()};
}

}  // namespace

bool equals_no_case(std::string_view a, std::string_view b) noexcept {
    return a.size() == b.size() && std::equal(a.begin(), a.end(), b.begin(),
                                              [](char x, char y) { return lower(x) == lower(y); });
}

std::string_view media_type(std::string_view content_type) noexcept {
    content_type = content_type.substr(0, content_type.find(';'));
    while (!content_type.empty() && (content_type.back() == ' ' || content_type.back() == '\t')) {
        content_type.remove_suffix(1);
    }
    return content_type;
}

bool is_request_id(std::string_view text) noexcept {
    constexpr std::size_t longest = 128;
    return !text.empty() && text.size() <= longest &&
           std::all_of(text.begin(), text.end(), [](char c) {
               return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                      c == '_' || c == '-';
           });
}

void RequestHead::reset(const char* base, std::size_t size) noexcept {
    base_ = base;
    size_ = size;
    target_ = {};
    fields_.clear();
    method = Method::other;
    connect_or_trace = false;
    http11 = true;
    keep_alive = false;
    chunked = false;
    expect_continue = false;
    content_length = 0;
    content_type.reset();
    request_id.reset();
}

std::optional<std::string_view> RequestHead::find(std::string_view name,
                                                  std::size_t index) const noexcept {
    for (const Field& field : fields_) {
        if (!equals_no_case(text(field.name), name)) continue;
        if (index-- == 0) return text(field.value);
    }
    return std::nullopt;
}

std::size_t RequestHead::count(std::string_view name) const noexcept {
    return static_cast<std::size_t>(
        std::count_if(fields_.begin(), fields_.end(),
                      [&](const Field& field) { return equals_no_case(text(field.name), name); }));
}

bool RequestHead::span_of(std::string_view text, Span& span) const noexcept {
    const std::less_equal<const char*> not_after;
    if (!not_after(base_, text.data())) return false;
    if (!not_after(text.data() + text.size(), base_ + size_)) return false;
    span.offset = static_cast<std::uint32_t>(text.data() - base_);
    span.length = static_cast<std::uint32_t>(text.size());
    return true;
}

MessageParser::MessageParser(RequestHead& head, std::size_t max_header_bytes) : head_(head) {
    header_limit(static_cast<std::uint32_t>(max_header_bytes));
    // Body limits belong to routes, which are not known before the head is.
    body_limit(boost::none);
}

MessageParser::Verdict MessageParser::parse_head(std::string_view text) {
    head_.reset(text.data(), text.size());
    ErrorCode ec;
    put(boost::asio::const_buffer(text.data(), text.size()), ec);
    if (too_many_fields_ || ec == http::error::header_limit) return Verdict::too_large;
    if (ec || !is_header_done()) return Verdict::malformed;
    return Verdict::ok;
}

bool MessageParser::hopeless(std::string_view text, std::size_t max_header_bytes) {
    RequestHead scratch;
    scratch.reset(text.data(), text.size());
    MessageParser parser(scratch, max_header_bytes);
    ErrorCode ec;
    parser.put(boost::asio::const_buffer(text.data(), text.size()), ec);
    return ec && ec != http::error::need_more && ec != http::error::header_limit &&
           !parser.too_many_fields_;
}

void MessageParser::on_request_impl(http::verb verb, View, View target, int version,
                                    ErrorCode& ec) {
    head_.method = to_method(verb);
    head_.connect_or_trace = verb == http::verb::connect || verb == http::verb::trace;
    head_.http11 = version >= 11;
    if (!head_.span_of(to_std(target), head_.target_)) ec = http::error::bad_target;
}

void MessageParser::on_field_impl(http::field field, View name, View value, ErrorCode& ec) {
    if (head_done_) return;  // trailers carry nothing we use
    if (head_.fields_.size() == RequestHead::max_fields) {
        too_many_fields_ = true;
        ec = http::error::header_limit;
        return;
    }
    RequestHead::Field entry;
    // A folded value is either copied elsewhere by the parser or preceded by a line break.
    if (!head_.span_of(to_std(name), entry.name) || !head_.span_of(to_std(value), entry.value) ||
        !only_blanks(name.data() + name.size() + 1, value.data())) {
        ec = http::error::bad_obs_fold;
        return;
    }
    head_.fields_.push_back(entry);
    switch (field) {
        case http::field::host:
            ++hosts_;
            break;
        case http::field::content_type:
            if (!head_.content_type) head_.content_type = entry.value;
            break;
        case http::field::content_length:
            // The grammar lets a list of equal numbers pass; whoever reads such a list up to its
            // comma, or not at all, sees another request.
            if (!only_digits(to_std(value))) ec = http::error::bad_content_length;
            break;
        case http::field::transfer_encoding:
            ++transfer_encodings_;
            if (!equals_no_case(to_std(value), "chunked")) ec = http::error::bad_transfer_encoding;
            break;
        case http::field::expect:
            if (equals_no_case(to_std(value), "100-continue")) head_.expect_continue = true;
            break;
        default:
            if (!head_.request_id && equals_no_case(to_std(name), "x-request-id")) {
                head_.request_id = entry.value;
            }
            break;
    }
}

void MessageParser::on_header_impl(ErrorCode& ec) {
    head_done_ = true;
    head_.chunked = transfer_encodings_ != 0;
    // Version 1.0 knows no transfer codings; what a proxy in between makes of one is anyone's
    // guess.
    if (head_.chunked && (!head_.http11 || transfer_encodings_ > 1)) {
        ec = http::error::bad_transfer_encoding;
        return;
    }
    if (hosts_ > 1 || (head_.http11 && hosts_ == 0)) {
        ec = http::error::bad_field;
        return;
    }
    const auto length = content_length();
    if (head_.chunked && length) {
        ec = http::error::bad_content_length;
        return;
    }
    head_.content_length = length ? *length : 0;
    head_.keep_alive = keep_alive();
    if (!head_.http11) head_.expect_continue = false;
}

void MessageParser::start_chunks(std::uint64_t limit, std::string* into) {
    body_limit(limit);
    eager(true);
    into_ = into;
}

std::size_t MessageParser::on_chunk_body_impl(std::uint64_t, View body, ErrorCode&) {
    if (into_ != nullptr) into_->append(body.data(), body.size());
    return body.size();
}

MessageParser::Progress MessageParser::put_chunks(std::string_view text) {
    Progress progress;
    ErrorCode ec;
    progress.consumed = put(boost::asio::const_buffer(text.data(), text.size()), ec);
    progress.done = is_done();
    progress.too_large = ec == http::error::body_limit;
    progress.bad = ec && !progress.too_large && ec != http::error::need_more;
    return progress;
}

}  // namespace subcults::net

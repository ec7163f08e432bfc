#include "net/response_writer.hpp"

#include "net/http_parser.hpp"

#include <boost/beast/http/status.hpp>

#include <algorithm>
#include <array>
#include <charconv>
#include <ctime>

namespace subcults::net {
namespace {

void append_number(std::string& out, std::uint64_t value) {
    std::array<char, 20> digits;
    const auto end = std::to_chars(digits.data(), digits.data() + digits.size(), value).ptr;
    out.append(digits.data(), static_cast<std::size_t>(end - digits.data()));
}

bool is_control(char c) noexcept {
    const auto byte = static_cast<unsigned char>(c);
    return byte < 0x20 || byte == 0x7F;
}

void append_value(std::string& out, std::string_view value) {
    const std::size_t start = out.size();
    out.append(value);
    for (std::size_t i = start; i < out.size(); ++i) {
        if (is_control(out[i])) out[i] = ' ';
    }
}

void append_header(std::string& out, std::string_view name, std::string_view value) {
    append_value(out, name);
    out.append(": ");
    append_value(out, value);
    out.append("\r\n");
}

bool has_header(const Response& response, std::string_view name) noexcept {
    return std::any_of(response.headers.begin(), response.headers.end(),
                       [&](const auto& header) { return equals_no_case(header.first, name); });
}

}  // namespace

void DateLine::refresh(std::int64_t unix_seconds) {
    if (unix_seconds == second_) return;
    second_ = unix_seconds;
    const auto time = static_cast<std::time_t>(unix_seconds);
    std::tm parts{};
    gmtime_r(&time, &parts);
    static constexpr std::array<const char*, 7> days{"Sun", "Mon", "Tue", "Wed",
                                                     "Thu", "Fri", "Sat"};
    static constexpr std::array<const char*, 12> months{"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                                        "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
    const auto two = [](int value) {
        std::string text(2, '0');
        text[0] = static_cast<char>('0' + value / 10 % 10);
        text[1] = static_cast<char>('0' + value % 10);
        return text;
    };
    text_ = "Date: ";
    text_ += days.at(static_cast<std::size_t>(parts.tm_wday));
    text_ += ", " + two(parts.tm_mday) + " ";
    text_ += months.at(static_cast<std::size_t>(parts.tm_mon));
    text_ += " " + std::to_string(parts.tm_year + 1900) + " ";
    text_ += two(parts.tm_hour) + ":" + two(parts.tm_min) + ":" + two(parts.tm_sec) + " GMT\r\n";
}

bool has_body(unsigned status) noexcept {
    return status >= 200 && status != 204 && status != 304;
}

std::string_view reason_phrase(unsigned status) noexcept {
    if (status == 200) return "OK";
    const auto text =
        boost::beast::http::obsolete_reason(boost::beast::http::int_to_status(status));
    return {text.data(), text.size()};
}

void append_response(std::string& out, const Response& response, const AnswerFrame& frame,
                     bool defer_body) {
    const std::string_view reason = reason_phrase(response.status);
    const bool with_body = has_body(response.status);
    std::size_t size = 160 + reason.size() + frame.date_line.size() + frame.common_headers.size() +
                       frame.request_id.size() + response.content_type.size();
    for (const auto& [name, value] : response.headers)
        size += name.size() + value.size() + 4;
    if (frame.more_headers != nullptr) {
        for (const auto& [name, value] : *frame.more_headers)
            size += name.size() + value.size() + 4;
    }
    if (with_body && !defer_body && !frame.head_only) size += response.body.size();
    // Growing by exactly this much would make a long pipeline quadratic.
    if (out.capacity() - out.size() < size)
        out.reserve(std::max(out.size() + size, 2 * out.size()));

    out.append("HTTP/1.1 ");
    append_number(out, response.status);
    out.push_back(' ');
    out.append(reason);
    out.append("\r\n");
    out.append(frame.date_line);
    if (with_body) {
        if (!response.content_type.empty()) {
            out.append("Content-Type: ");
            append_value(out, response.content_type);
            out.append("\r\n");
        }
        out.append("Content-Length: ");
        append_number(out, response.body.size());
        out.append("\r\n");
    }
    out.append("X-Request-ID: ");
    out.append(frame.request_id);
    out.append("\r\n");
    out.append(frame.common_headers);
    for (const auto& [name, value] : response.headers)
        append_header(out, name, value);
    if (frame.more_headers != nullptr) {
        for (const auto& [name, value] : *frame.more_headers) {
            if (!has_header(response, name)) append_header(out, name, value);
        }
    }
    if (frame.connection == ConnectionLine::close) out.append("Connection: close\r\n");
    if (frame.connection == ConnectionLine::keep_alive) out.append("Connection: keep-alive\r\n");
    out.append("\r\n");
    if (with_body && !defer_body && !frame.head_only) out.append(response.body);
}

}  // namespace subcults::net

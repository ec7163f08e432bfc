// A small blocking HTTP client for tests: one connection, any request, the answer as it came.
#pragma once

#include <rapidjson/document.h>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/http.hpp>

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace subcults::test {

struct Answer {
    unsigned status = 0;
    std::string body;
    boost::beast::http::fields headers;

    std::string header(std::string_view name) const;
    // The body as JSON; throws std::runtime_error when it is none.
    rapidjson::Document json() const;
    // error.code of an error envelope.
    std::string error_code() const;
};

using Headers = std::vector<std::pair<std::string, std::string>>;

class HttpClient {
  public:
    // Is shown what was sent and every answer to it, before the caller gets the answer; throws to
    // say that there must be no such answer.
    using Observer = std::function<void(std::string_view method, std::string_view target,
                                        std::string_view body, const Answer& answer)>;

    explicit HttpClient(std::uint16_t port, Observer observer = {})
        : port_(port), observer_(std::move(observer)) {}

    // Reconnects when the server has closed the connection.
    Answer request(std::string_view method, std::string_view target, const Headers& headers = {},
                   std::string_view body = {});
    Answer get(std::string_view target, const Headers& headers = {}) {
        return request("GET", target, headers);
    }
    Answer post(std::string_view target, const Headers& headers = {}, std::string_view body = {}) {
        return request("POST", target, headers, body);
    }

  private:
    std::uint16_t port_;
    Observer observer_;
    boost::asio::io_context io_{1};
    std::unique_ptr<boost::asio::ip::tcp::socket> socket_;
    boost::beast::flat_buffer buffer_;
};

// The value of a series in an exposition, 0 when it is not there. `series` is the full text before
// the value, labels included.
double metric(const std::string& exposition, std::string_view series);

}  // namespace subcults::test

#include "support/http_client.hpp"

#include <boost/asio/ip/address_v4.hpp>

#include <stdexcept>

namespace subcults::test {

namespace asio = boost::asio;
namespace http = boost::beast::http;

std::string Answer::header(std::string_view name) const {
    const auto found = headers.find(boost::beast::string_view(name.data(), name.size()));
    return found == headers.end() ? std::string() : std::string(found->value());
}

rapidjson::Document Answer::json() const {
    rapidjson::Document document;
    document.Parse<rapidjson::kParseIterativeFlag>(body.data(), body.size());
    if (document.HasParseError()) throw std::runtime_error("no JSON: " + body.substr(0, 200));
    return document;
}

std::string Answer::error_code() const {
    const rapidjson::Document document = json();
    if (!document.IsObject() || !document.HasMember("error")) return {};
    return document["error"]["code"].GetString();
}

Answer HttpClient::request(std::string_view method, std::string_view target, const Headers& headers,
                           std::string_view body) {
    http::request<http::string_body> request;
    request.version(11);
    request.method_string(boost::beast::string_view(method.data(), method.size()));
    request.target(boost::beast::string_view(target.data(), target.size()));
    request.set(http::field::host, "localhost");
    for (const auto& [name, value] : headers)
        request.insert(name, value);
    if (!body.empty() && request.find(http::field::content_type) == request.end()) {
        request.set(http::field::content_type, "application/json");
    }
    request.body() = body;
    request.prepare_payload();

    for (int attempt = 0;; ++attempt) {
        boost::system::error_code error;
        const bool reused = socket_ != nullptr;
        if (!reused) {
            socket_ = std::make_unique<asio::ip::tcp::socket>(io_);
            buffer_.clear();
            socket_->connect({asio::ip::address_v4::loopback(), port_});
        }
        http::write(*socket_, request, error);
        http::response_parser<http::string_body> parser;
        parser.body_limit(boost::none);
        parser.skip(method == "HEAD");
        if (!error) http::read(*socket_, buffer_, parser, error);
        if (error) {
            socket_.reset();
            if (reused && attempt == 0) continue;  // it had been closed while idle
            throw boost::system::system_error(error);
        }
        auto response = parser.release();
        if (!response.keep_alive()) socket_.reset();
        Answer answer{response.result_int(), std::move(response.body()), response.base()};
        if (observer_) observer_(method, target, body, answer);
        return answer;
    }
}

double metric(const std::string& exposition, std::string_view series) {
    std::size_t at = 0;
    while ((at = exposition.find(series, at)) != std::string::npos) {
        const bool line_start = at == 0 || exposition[at - 1] == '\n';
        const std::size_t end = at + series.size();
        if (line_start && end < exposition.size() && exposition[end] == ' ') {
            return std::stod(exposition.substr(end + 1));
        }
        at = end;
    }
    return 0;
}

}  // namespace subcults::test

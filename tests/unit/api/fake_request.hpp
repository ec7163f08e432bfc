// A request as handlers and guards see it, put together by hand.
#pragma once

#include "net/http_message.hpp"

#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace subcults::test {

class FakeRequest final : public net::Request {
  public:
    net::Method method() const noexcept override { return asked_method; }
    std::string_view path() const noexcept override { return "/"; }
    std::string_view body() const noexcept override { return {}; }
    std::optional<std::string_view> header(std::string_view name) const noexcept override {
        return header_at(name, 0);
    }
    std::size_t header_count(std::string_view name) const noexcept override {
        std::size_t count = 0;
        for (const auto& header : headers)
            count += header.first == name ? 1 : 0;
        return count;
    }
    std::optional<std::string_view> header_at(std::string_view name,
                                              std::size_t index) const noexcept override {
        for (const auto& header : headers) {
            if (header.first == name && index-- == 0) return std::string_view(header.second);
        }
        return std::nullopt;
    }
    const std::vector<std::pair<std::string, std::string>>& query() const override {
        return parameters;
    }
    std::string_view remote_address() const noexcept override { return peer; }

    // "(none)" when it was not set.
    std::string answer_header(std::string_view name) const {
        for (const auto& entry : answer_headers) {
            if (entry.name == name) return entry.value;
        }
        return "(none)";
    }

    net::Method asked_method = net::Method::get;
    std::string peer = "127.0.0.1";
    std::vector<std::pair<std::string, std::string>> headers;
    std::vector<std::pair<std::string, std::string>> parameters;
};

}  // namespace subcults::test

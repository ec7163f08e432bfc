#include "integration/api/hostile_table.hpp"

namespace subcults::test {

std::string request_bytes(std::string_view method, std::string_view target, const Headers& headers,
                          std::string_view body) {
    std::string bytes(method);
    bytes.append(" ").append(target).append(" HTTP/1.1\r\nHost: localhost\r\n");
    bool typed = false;
    for (const auto& [name, value] : headers) {
        bytes.append(name).append(": ").append(value).append("\r\n");
        typed = typed || name == "Content-Type";
    }
    const bool wants_length = method == "POST" || method == "PUT" || method == "PATCH";
    if (!body.empty() && !typed) bytes += "Content-Type: application/json\r\n";
    if (!body.empty() || wants_length) {
        bytes.append("Content-Length: ").append(std::to_string(body.size())).append("\r\n");
    }
    return bytes.append("\r\n").append(body);
}

Headers bearer(std::string_view token) {
    return {{"Authorization", "Bearer " + std::string(token)}};
}

Headers bearer(std::string_view token, std::string_view name, std::string_view value) {
    Headers headers = bearer(token);
    headers.emplace_back(name, value);
    return headers;
}

std::string shown(const Row& row) {
    std::string text = row.area + ": " + row.about + ": ";
    for (const char c : row.bytes.substr(0, 300))
        text.push_back(c < ' ' || c > '~' ? '.' : c);
    return text;
}

}  // namespace subcults::test

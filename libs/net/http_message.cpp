#include "net/http_message.hpp"

#include <rapidjson/stringbuffer.h>
#include <rapidjson/writer.h>

namespace subcults::net {
namespace {

rapidjson::SizeType json_size(std::string_view text) {
    return static_cast<rapidjson::SizeType>(text.size());
}

}  // namespace

std::string_view to_string(Method method) noexcept {
    switch (method) {
        case Method::get:
            return "GET";
        case Method::head:
            return "HEAD";
        case Method::post:
            return "POST";
        case Method::put:
            return "PUT";
        case Method::patch:
            return "PATCH";
        case Method::del:
            return "DELETE";
        case Method::options:
            return "OPTIONS";
        case Method::other:
            break;
    }
    return "OTHER";
}

std::optional<std::string_view> Request::query_value(std::string_view name) const {
    for (const auto& [key, value] : query()) {
        if (key == name) return std::string_view(value);
    }
    return std::nullopt;
}

Response error_response(unsigned status, std::string_view code, std::string_view message,
                        std::string_view request_id) {
    rapidjson::StringBuffer buffer;
    rapidjson::Writer<rapidjson::StringBuffer> writer(buffer);
    writer.StartObject();
    writer.Key("error");
    writer.StartObject();
    writer.Key("code");
    writer.String(code.data(), json_size(code));
    writer.Key("message");
    writer.String(message.data(), json_size(message));
    writer.Key("request_id");
    writer.String(request_id.data(), json_size(request_id));
    writer.EndObject();
    writer.EndObject();
    return json_response(status, std::string(buffer.GetString(), buffer.GetSize()));
}

Response retry_response(unsigned status, std::string_view code, std::string_view message,
                        std::string_view request_id, unsigned retry_after_seconds) {
    Response response = error_response(status, code, message, request_id);
    response.headers.emplace_back("Retry-After", std::to_string(retry_after_seconds));
    return response;
}

Response json_response(unsigned status, std::string body) {
    Response response;
    response.status = status;
    response.body = std::move(body);
    return response;
}

}  // namespace subcults::net

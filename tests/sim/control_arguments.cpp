#include "sim/control_arguments.hpp"

#include "sim/json.hpp"
#include "sim/subscription.hpp"

namespace subcults::sim {

ControlArguments::ControlArguments(std::string_view query, const std::string& body)
    : query_(parse_query(query)) {
    body_.Parse<rapidjson::kParseIterativeFlag>(body.data(), body.size());
}

std::optional<std::int64_t> ControlArguments::number(const char* name) const {
    if (!body_.HasParseError() && body_.IsObject()) {
        const rapidjson::Value* const found = find_member(body_, name);
        if (found != nullptr && found->IsInt64()) return found->GetInt64();
    }
    for (const auto& [key, value] : query_) {
        if (key == name) return read_number(value);
    }
    return std::nullopt;
}

bool ControlArguments::flag(const char* name) const {
    if (!body_.HasParseError() && body_.IsObject()) {
        const rapidjson::Value* const found = find_member(body_, name);
        if (found != nullptr && found->IsBool()) return found->GetBool();
    }
    for (const auto& [key, value] : query_) {
        if (key == name && value == "true") return true;
    }
    return number(name).value_or(0) != 0;
}

}  // namespace subcults::sim

#include "project/field_reader.hpp"

namespace subcults::indexer {

using simdjson::dom::element;

void FieldReader::fail(std::string_view path, std::string_view reason) {
    if (fault_) return;
    ProjectionError fault;
    fault.path = "record.";
    fault.path += path;
    fault.reason = reason;
    fault_ = std::move(fault);
}

std::optional<element> FieldReader::find(std::string_view field) const {
    element value;
    if (record_[field].get(value) != simdjson::SUCCESS || value.is_null()) return std::nullopt;
    return value;
}

bool FieldReader::has(std::string_view field) const {
    return find(field).has_value();
}

std::optional<std::string> FieldReader::text(std::string_view field, std::size_t max_bytes) {
    const auto value = find(field);
    if (!value) return std::nullopt;
    std::string_view content;
    if (value->get(content) != simdjson::SUCCESS) {
        fail(field, "must be a string");
        return std::nullopt;
    }
    if (content.size() > max_bytes) {
        fail(field, "is too long");
        return std::nullopt;
    }
    return std::string(content);
}

std::string FieldReader::required_text(std::string_view field, std::size_t max_bytes) {
    auto found = text(field, max_bytes);
    if (!found || found->find_first_not_of(" \t\r\n") == std::string::npos) {
        fail(field, "is required");
        return {};
    }
    return std::move(*found);
}

std::optional<UnixMicros> FieldReader::time(std::string_view field) {
    const auto written = text(field, 256);
    if (!written) return std::nullopt;
    const auto parsed = parse_rfc3339(*written);
    if (!parsed) fail(field, "is no RFC 3339 time");
    return parsed;
}

std::optional<std::int64_t> FieldReader::integer(std::string_view field, std::int64_t low,
                                                 std::int64_t high) {
    const auto value = find(field);
    if (!value) return std::nullopt;
    std::int64_t content = 0;
    if (!value->is_int64() || value->get(content) != simdjson::SUCCESS) {
        fail(field, "must be an integer");
        return std::nullopt;
    }
    if (content < low || content > high) {
        fail(field, "is out of range");
        return std::nullopt;
    }
    return content;
}

std::optional<double> FieldReader::number(std::string_view field, double low, double high) {
    const auto value = find(field);
    if (!value) return std::nullopt;
    double content = 0;
    if (!value->is_number() || value->get(content) != simdjson::SUCCESS) {
        fail(field, "must be a number");
        return std::nullopt;
    }
    if (!(content >= low && content <= high)) {
        fail(field, "is out of range");
        return std::nullopt;
    }
    return content;
}

std::vector<std::string> FieldReader::texts(std::string_view field, std::size_t most,
                                            std::size_t max_bytes) {
    std::vector<std::string> found;
    const auto value = find(field);
    if (!value) return found;
    simdjson::dom::array items;
    if (value->get(items) != simdjson::SUCCESS) {
        fail(field, "must be an array");
        return found;
    }
    for (const element item : items) {
        std::string_view content;
        if (item.get(content) != simdjson::SUCCESS) {
            fail(field, "must hold strings");
            break;
        }
        if (content.size() > max_bytes || found.size() == most) {
            fail(field, content.size() > max_bytes ? "holds one that is too long" : "has too many");
            break;
        }
        found.emplace_back(content);
    }
    return found;
}

std::string FieldReader::array_json(std::string_view field) {
    const auto value = find(field);
    if (!value) return "[]";
    if (!value->is_array()) {
        fail(field, "must be an array");
        return "[]";
    }
    return simdjson::minify(*value);
}

std::optional<simdjson::dom::object> FieldReader::object(std::string_view field) {
    const auto value = find(field);
    if (!value) return std::nullopt;
    simdjson::dom::object content;
    if (value->get(content) != simdjson::SUCCESS) {
        fail(field, "must be an object");
        return std::nullopt;
    }
    return content;
}

std::optional<Reference> FieldReader::uri(std::string_view field, ReferenceTo kind) {
    const auto written = text(field, max_reference_bytes);
    if (!written) return std::nullopt;
    if (!written->starts_with("at://")) {
        fail(field, "must be an at-uri");
        return std::nullopt;
    }
    return reference_from_uri(*written, kind);
}

std::optional<Reference> FieldReader::key(std::string_view field, std::string_view did,
                                          ReferenceTo kind) {
    const auto written = text(field, max_reference_bytes);
    if (!written) return std::nullopt;
    auto made = reference_from_key(did, *written, kind);
    if (!made) fail(field, "must be a record key or an at-uri");
    return made;
}

}  // namespace subcults::indexer

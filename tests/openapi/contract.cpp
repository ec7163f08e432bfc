#include "openapi/contract.hpp"

#include "openapi/closed_schema.hpp"

#include <rapidjson/document.h>
#include <rapidjson/stringbuffer.h>
#include <rapidjson/writer.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <fstream>
#include <iterator>
#include <utility>

namespace subcults::test {
namespace {

using rapidjson::Value;

constexpr const char* json_type = "application/json";
constexpr std::array<const char*, 5> methods{"get", "post", "put", "patch", "delete"};

std::string upper(std::string_view text) {
    std::string out(text);
    std::transform(out.begin(), out.end(), out.begin(),
                   [](char c) { return c >= 'a' && c <= 'z' ? static_cast<char>(c - 32) : c; });
    return out;
}

std::string lower(std::string_view text) {
    std::string out(text);
    std::transform(out.begin(), out.end(), out.begin(),
                   [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; });
    return out;
}

std::vector<std::string> segments_of(std::string_view path) {
    std::vector<std::string> segments;
    while (!path.empty()) {
        path.remove_prefix(1);  // the slash
        const std::size_t slash = std::min(path.find('/'), path.size());
        segments.emplace_back(path.substr(0, slash));
        path.remove_prefix(slash);
    }
    return segments;
}

bool is_parameter(const std::string& segment) {
    return segment.size() > 2 && segment.front() == '{' && segment.back() == '}';
}

std::string_view without_parameters(std::string_view content_type) {
    return content_type.substr(0, std::min(content_type.find(';'), content_type.size()));
}

// What is taken where nothing is wanted: no body, or an object without members.
bool says_nothing(std::string_view text) {
    return text.find_first_not_of(" \t\r\n{}") == std::string_view::npos;
}

std::string printed(const Value& value) {
    rapidjson::StringBuffer buffer;
    rapidjson::Writer<rapidjson::StringBuffer> writer(buffer);
    value.Accept(writer);
    return {buffer.GetString(), buffer.GetSize()};
}

// Many answers share one schema (errors above all): each text is compiled once.
class Schemas {
  public:
    std::shared_ptr<const ClosedSchema> of(const Value& schema) {
        std::shared_ptr<const ClosedSchema>& known = known_[printed(schema)];
        if (!known) known = std::make_shared<const ClosedSchema>(schema);
        return known;
    }

  private:
    std::map<std::string, std::shared_ptr<const ClosedSchema>> known_;
};

// What may be sent in one place: media types, with a schema for those that are JSON.
struct Content {
    std::map<std::string, std::shared_ptr<const ClosedSchema>> types;

    bool admits(std::string_view media_type) const {
        return types.empty() ? media_type.empty() : types.count(std::string(media_type)) == 1;
    }
    // Null = anything goes.
    const ClosedSchema* schema(const std::string& media_type) const {
        const auto found = types.find(media_type);
        return found == types.end() ? nullptr : found->second.get();
    }
};

Content read_content(const Value& of, Schemas& schemas) {
    Content content;
    if (!of.HasMember("content")) return content;
    for (const auto& described : of["content"].GetObject()) {
        const std::string type = described.name.GetString();
        std::shared_ptr<const ClosedSchema> schema;
        if (type == json_type) schema = schemas.of(described.value["schema"]);
        content.types.emplace(type, std::move(schema));
    }
    return content;
}

std::optional<std::string> objection_to(const ClosedSchema* schema, std::string_view text) {
    if (schema == nullptr) return std::nullopt;
    constexpr unsigned flags =
        rapidjson::kParseIterativeFlag | rapidjson::kParseValidateEncodingFlag;
    rapidjson::Document document;
    document.Parse<flags>(text.data(), text.size());
    if (document.HasParseError()) return "the body is no JSON";
    return schema->objection(document);
}

}  // namespace

struct Contract::Operation {
    struct Answer {
        Content content;
        std::vector<std::string> headers;  // that are always sent
    };

    std::string method;
    std::string path;
    std::vector<std::string> segments;
    Content request;
    std::map<unsigned, Answer> answers;

    std::string name() const { return method + " " + path; }
    bool matches(const std::vector<std::string>& asked) const {
        return std::equal(segments.begin(), segments.end(), asked.begin(), asked.end(),
                          [](const std::string& own, const std::string& other) {
                              return is_parameter(own) ? !other.empty() : own == other;
                          });
    }
    // Literal text in an earlier segment wins.
    bool more_literal_than(const Operation& other) const {
        for (std::size_t i = 0; i < segments.size(); ++i) {
            const bool own = is_parameter(segments[i]);
            if (own != is_parameter(other.segments[i])) return !own;
        }
        return false;
    }
};

namespace {

unsigned status_of(std::string_view text) {
    unsigned status = 0;
    const auto read = std::from_chars(text.data(), text.data() + text.size(), status);
    if (read.ec != std::errc() || text.size() != 3) {
        throw std::runtime_error("'" + std::string(text) + "' is no status");
    }
    return status;
}

std::vector<std::string> headers_always_sent(const Value& answer) {
    std::vector<std::string> names;
    if (!answer.HasMember("headers")) return names;
    for (const auto& header : answer["headers"].GetObject()) {
        const Value& about = header.value;
        if (about.HasMember("required") && about["required"].GetBool()) {
            names.push_back(lower(header.name.GetString()));
        }
    }
    return names;
}

std::string file_text(const std::string& path) {
    std::ifstream file(path, std::ios::binary);
    if (!file) throw std::runtime_error("cannot read " + path);
    return {std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
}

}  // namespace

Contract::Contract(std::vector<Operation> operations) : operations_(std::move(operations)) {}
Contract::~Contract() = default;

std::shared_ptr<const Contract> Contract::load(const std::string& json_file) {
    return parse(file_text(json_file));
}

std::shared_ptr<const Contract> Contract::parse(std::string_view text) {
    rapidjson::Document document;
    document.Parse<rapidjson::kParseIterativeFlag>(text.data(), text.size());
    if (document.HasParseError() || !document.IsObject() || !document.HasMember("paths")) {
        throw std::runtime_error("this is no OpenAPI document");
    }
    Schemas schemas;
    std::vector<Operation> operations;
    for (const auto& path : std::as_const(document)["paths"].GetObject()) {
        for (const char* method : methods) {
            if (!path.value.HasMember(method)) continue;
            const Value& described = path.value[method];
            Operation operation;
            operation.method = upper(method);
            operation.path = path.name.GetString();
            operation.segments = segments_of(operation.path);
            if (described.HasMember("requestBody")) {
                operation.request = read_content(described["requestBody"], schemas);
            }
            for (const auto& answer : described["responses"].GetObject()) {
                operation.answers[status_of(answer.name.GetString())] = Operation::Answer{
                    read_content(answer.value, schemas), headers_always_sent(answer.value)};
            }
            operations.push_back(std::move(operation));
        }
    }
    return std::shared_ptr<const Contract>(new Contract(std::move(operations)));
}

std::vector<std::string> Contract::operations() const {
    std::vector<std::string> names;
    for (const Operation& operation : operations_)
        names.push_back(operation.name());
    return names;
}

const Contract::Operation* Contract::find(std::string_view method, std::string_view path) const {
    if (path.empty() || path.front() != '/') return nullptr;
    const std::vector<std::string> asked = segments_of(path);
    const Operation* found = nullptr;
    for (const Operation& operation : operations_) {
        if (operation.method != method || !operation.matches(asked)) continue;
        if (found == nullptr || operation.more_literal_than(*found)) found = &operation;
    }
    return found;
}

std::optional<std::string> Contract::violation(const Exchange& exchange) const {
    const bool head = exchange.method == "HEAD";
    const std::string_view path =
        exchange.target.substr(0, std::min(exchange.target.find('?'), exchange.target.size()));
    const Operation* operation = find(head ? "GET" : exchange.method, path);
    if (operation == nullptr) return std::nullopt;
    const std::string about =
        operation->name() + " answered " + std::to_string(exchange.status) + ": ";
    const auto known = operation->answers.find(exchange.status);
    if (known == operation->answers.end()) return about + "not documented";
    const Operation::Answer& expected = known->second;
    for (const std::string& name : expected.headers) {
        if (exchange.header(name).empty()) return about + "header " + name + " is missing";
    }
    if (!head) {
        const std::string type = exchange.header("content-type");
        const std::string media_type(without_parameters(type));
        if (!expected.content.admits(media_type)) {
            return about + "content type '" + type + "' is not documented";
        }
        const ClosedSchema* const schema = expected.content.schema(media_type);
        if (const auto objection = objection_to(schema, exchange.body)) {
            return about + *objection + ": " + std::string(exchange.body.substr(0, 500));
        }
    }
    const bool taken = exchange.status >= 200 && exchange.status < 300;
    if (!taken || operation->method == "GET" || says_nothing(exchange.request_body)) {
        return std::nullopt;
    }
    if (operation->request.types.empty()) {
        return about + "it took a body that is not documented";
    }
    if (const auto objection =
            objection_to(operation->request.schema(json_type), exchange.request_body)) {
        return about + "it took a body in which " + *objection;
    }
    return std::nullopt;
}

void Contract::check(const Exchange& exchange) const {
    if (const auto wrong = violation(exchange)) throw ContractViolation(*wrong);
}

}  // namespace subcults::test

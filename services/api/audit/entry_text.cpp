#include "audit/entry_text.hpp"

#include "audit/checkpoint.hpp"
#include "audit/named_counts.hpp"

#include <rapidjson/document.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <map>

namespace subcults::api {
namespace {

constexpr std::array<std::string_view, 16> columns{
    "entity_type", "entity_id",  "seq",        "version", "action",       "outcome",
    "actor",       "nonce",      "commitment", "target",  "target_nonce", "target_commitment",
    "request_id",  "created_at", "kid",        "hash"};

constexpr std::string_view head_type = "chain_head";  // in CSV, in the place of an entity's type

using Maybe = std::optional<std::string>;
using Fields = std::map<std::string, Maybe, std::less<>>;

Maybe hex_of(const Maybe& bytes) {
    if (!bytes) return std::nullopt;
    return hex(*bytes);
}

// In the order of `columns`.
std::array<Maybe, columns.size()> fields_of(const StoredEntry& entry) {
    return {entry.entity_type,
            entry.entity_id.to_string(),
            std::to_string(entry.seq),
            std::to_string(entry.version),
            entry.action,
            entry.outcome,
            hex_of(entry.actor),
            hex_of(entry.nonce),
            hex(entry.commitment),
            hex_of(entry.target),
            hex_of(entry.target_nonce),
            hex_of(entry.target_commitment),
            entry.request_id,
            format_rfc3339(entry.created_at),
            kid_text(entry.kid),
            hex(entry.hash)};
}

bool is_number(std::string_view column) {
    return column == "seq" || column == "version";
}

// Takes fields apart, remembering whether all of them were what they should be.
class FieldReader {
  public:
    explicit FieldReader(const Fields& fields) : fields_(fields) {}
    bool good() const noexcept { return good_; }

    std::string text(std::string_view name) {
        const auto found = fields_.find(name);
        if (found == fields_.end() || !found->second) return fail();
        return *found->second;
    }
    std::int64_t number(std::string_view name) {
        const std::string digits = text(name);
        std::int64_t value = 0;
        const auto end = digits.data() + digits.size();
        const auto parsed = std::from_chars(digits.data(), end, value);
        if (parsed.ec != std::errc() || parsed.ptr != end) good_ = false;
        return value;
    }
    std::string bytes(std::string_view name) {
        auto decoded = from_hex(text(name));
        return decoded ? std::move(*decoded) : fail();
    }
    Maybe maybe_bytes(std::string_view name) {
        const auto found = fields_.find(name);
        if (found == fields_.end()) {
            good_ = false;
            return std::nullopt;
        }
        if (!found->second) return std::nullopt;
        return bytes(name);
    }
    template <class T>
    T parsed(std::optional<T> value) {
        if (!value) good_ = false;
        return value.value_or(T{});
    }

  private:
    std::string fail() {
        good_ = false;
        return {};
    }
    const Fields& fields_;
    bool good_ = true;
};

std::optional<StoredEntry> entry_from(const Fields& fields) {
    FieldReader read(fields);
    StoredEntry entry;
    entry.entity_type = read.text("entity_type");
    entry.entity_id = read.parsed(Uuid::parse(read.text("entity_id")));
    entry.seq = read.number("seq");
    entry.version = read.number("version");
    entry.action = read.text("action");
    entry.outcome = read.text("outcome");
    entry.actor = read.maybe_bytes("actor");
    entry.nonce = read.maybe_bytes("nonce");
    entry.commitment = read.bytes("commitment");
    entry.target = read.maybe_bytes("target");
    entry.target_nonce = read.maybe_bytes("target_nonce");
    entry.target_commitment = read.maybe_bytes("target_commitment");
    entry.request_id = read.text("request_id");
    entry.created_at = read.parsed(parse_rfc3339(read.text("created_at")));
    entry.kid = read.parsed(read_kid(read.text("kid")));
    entry.hash = read.bytes("hash");
    if (!read.good()) return std::nullopt;
    return entry;
}

std::optional<Fields> json_fields(std::string_view line) {
    rapidjson::Document document;
    document.Parse(line.data(), line.size());
    if (document.HasParseError() || !document.IsObject()) return std::nullopt;
    Fields fields;
    const rapidjson::Document& read = document;
    for (auto at = read.MemberBegin(); at != read.MemberEnd(); ++at) {
        const auto& member = *at;
        Maybe text;
        if (member.value.IsString()) {
            text.emplace(member.value.GetString(), member.value.GetStringLength());
        } else if (member.value.IsInt64()) {
            text = std::to_string(member.value.GetInt64());
        } else if (!member.value.IsNull()) {
            return std::nullopt;
        }
        fields.insert_or_assign(std::string(member.name.GetString(), member.name.GetStringLength()),
                                std::move(text));
    }
    return fields;
}

std::optional<ExportHead> head_from_json(const Fields& fields) {
    FieldReader read(fields);
    ExportHead head;
    head.entity = read.parsed(Uuid::parse(read.text("entity_id")));
    head.head.seq = read.number("head_seq");
    head.head.hash = read.bytes("head_hash");
    if (fields.contains("join_count")) head.head.joins = read.number("join_count");
    if (fields.contains("leave_count")) head.head.leaves = read.number("leave_count");
    head.kid = read.parsed(read_kid(read.text("kid")));
    head.signature = read.bytes("signature");
    if (!read.good()) return std::nullopt;
    return head;
}

std::optional<ExportHead> head_from_csv(const Fields& fields) {
    FieldReader read(fields);
    ExportHead head;
    head.entity = read.parsed(Uuid::parse(read.text("entity_id")));
    head.head.seq = read.number("seq");
    head.head.hash = read.bytes("hash");
    head.kid = read.parsed(read_kid(read.text("kid")));
    head.signature = read.bytes("commitment");
    if (const std::string counted = read.text("request_id"); !counted.empty()) {
        const TwoCounts counts = read.parsed(read_counts(session_counts, counted));
        head.head.joins = counts.first;
        head.head.leaves = counts.second;
    }
    if (!read.good()) return std::nullopt;
    return head;
}

std::string bad_line(std::size_t number) {
    return "line " + std::to_string(number) + " is no audit entry";
}

Result<AuditExport, std::string> read_lines(std::string_view text) {
    AuditExport read;
    std::size_t number = 0;
    while (!text.empty()) {
        ++number;
        const auto end = text.find('\n');
        const std::string_view line = text.substr(0, end);
        text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
        if (line.empty()) continue;
        const auto fields = json_fields(line);
        if (!fields) return bad_line(number);
        if (fields->contains("head_seq")) {
            auto head = head_from_json(*fields);
            if (!head) return bad_line(number);
            read.heads.push_back(std::move(*head));
            continue;
        }
        auto entry = entry_from(*fields);
        if (!entry) return bad_line(number);
        read.entries.push_back(std::move(*entry));
    }
    return read;
}

// One record of RFC 4180 from the front of `text`; quotes tell an empty text from nothing.
std::optional<std::vector<Maybe>> take_record(std::string_view& text) {
    std::vector<Maybe> record;
    for (;;) {
        Maybe field;
        if (!text.empty() && text.front() == '"') {
            field.emplace();
            text.remove_prefix(1);
            for (;;) {
                const auto quote = text.find('"');
                if (quote == std::string_view::npos) return std::nullopt;
                field->append(text.substr(0, quote));
                text.remove_prefix(quote + 1);
                if (text.empty() || text.front() != '"') break;
                field->push_back('"');
                text.remove_prefix(1);
            }
        } else {
            const auto end = std::min(text.find_first_of(",\r\n"), text.size());
            if (end > 0) field = std::string(text.substr(0, end));
            text.remove_prefix(end);
        }
        record.push_back(std::move(field));
        if (!text.empty() && text.front() == ',') {
            text.remove_prefix(1);
            continue;
        }
        if (!text.empty() && text.front() == '\r') text.remove_prefix(1);
        if (text.empty()) return record;
        if (text.front() != '\n') return std::nullopt;
        text.remove_prefix(1);
        return record;
    }
}

bool is_header(const std::vector<Maybe>& record) {
    return std::equal(record.begin(), record.end(), columns.begin(), columns.end(),
                      [](const Maybe& field, std::string_view name) { return field == name; });
}

Result<AuditExport, std::string> read_csv(std::string_view text) {
    AuditExport read;
    for (std::size_t number = 1; !text.empty(); ++number) {
        auto record = take_record(text);
        if (!record) return bad_line(number);
        // Before the first record, and before those of a further page.
        if (is_header(*record)) continue;
        if (number == 1 || record->size() != columns.size()) return bad_line(number);
        Fields fields;
        for (std::size_t i = 0; i < columns.size(); ++i)
            fields.insert_or_assign(std::string(columns[i]), std::move((*record)[i]));
        if (fields.find("entity_type")->second == head_type) {
            auto head = head_from_csv(fields);
            if (!head) return bad_line(number);
            read.heads.push_back(std::move(*head));
            continue;
        }
        auto entry = entry_from(fields);
        if (!entry) return bad_line(number);
        read.entries.push_back(std::move(*entry));
    }
    return read;
}

std::string csv_line(const std::array<Maybe, columns.size()>& fields) {
    std::string line;
    for (std::size_t i = 0; i < fields.size(); ++i) {
        if (i > 0) line.push_back(',');
        if (!fields[i]) continue;
        // Quoted throughout, so that an empty text is not taken for nothing.
        line.push_back('"');
        for (const char c : *fields[i]) {
            if (c == '"') line.push_back('"');
            line.push_back(c);
        }
        line.push_back('"');
    }
    return line + "\r\n";
}

}  // namespace

void write_entry(JsonWriter& json, const StoredEntry& entry) {
    const auto fields = fields_of(entry);
    json.begin_object();
    for (std::size_t i = 0; i < columns.size(); ++i) {
        if (columns[i] == "seq") {
            json.field(columns[i], entry.seq);
        } else if (is_number(columns[i])) {
            json.field(columns[i], entry.version);
        } else {
            json.field(columns[i], fields[i]);
        }
    }
    json.end_object();
}

std::string entry_json(const StoredEntry& entry) {
    JsonWriter json;
    write_entry(json, entry);
    return json.take();
}

std::string csv_header() {
    std::string line;
    for (const std::string_view column : columns) {
        if (!line.empty()) line.push_back(',');
        line.append(column);
    }
    return line + "\r\n";
}

std::string entry_csv(const StoredEntry& entry) {
    return csv_line(fields_of(entry));
}

std::string head_csv(const ExportHead& head) {
    const ChainHead& end = head.head;
    const bool counted = end.joins && end.leaves;
    const auto value_of = [&](std::string_view column) -> Maybe {
        if (column == "entity_type") return std::string(head_type);
        if (column == "entity_id") return head.entity.to_string();
        if (column == "seq") return std::to_string(end.seq);
        if (column == "commitment") return hex(head.signature);
        if (column == "kid") return kid_text(head.kid);
        if (column == "hash") return hex(end.hash);
        if (column != "request_id") return std::nullopt;
        return counted ? counts_text(session_counts, {*end.joins, *end.leaves}) : std::string();
    };
    std::array<Maybe, columns.size()> fields;
    std::transform(columns.begin(), columns.end(), fields.begin(), value_of);
    return csv_line(fields);
}

std::string head_json(const ExportHead& head) {
    JsonWriter json;
    json.begin_object()
        .field("entity_id", head.entity.to_string())
        .field("head_seq", head.head.seq)
        .field("head_hash", hex(head.head.hash));
    if (head.head.joins) json.field("join_count", *head.head.joins);
    if (head.head.leaves) json.field("leave_count", *head.head.leaves);
    json.field("kid", kid_text(head.kid)).field("signature", hex(head.signature)).end_object();
    return json.take();
}
Result<AuditExport, std::string> read_export(std::string_view text) {
    if (text.empty() || text.front() == '{') return read_lines(text);
    return read_csv(text);
}

}  // namespace subcults::api

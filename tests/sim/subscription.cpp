#include "sim/subscription.hpp"

#include "atproto/did.hpp"
#include "atproto/nsid.hpp"
#include "sim/json.hpp"

#include <rapidjson/document.h>
#include <charconv>
#include <set>
#include <utility>

namespace subcults::sim {
namespace {

int hex_digit(char c) noexcept {
    if (c >= '0' && c <= '9') return c - '0';
    if (c >= 'a' && c <= 'f') return c - 'a' + 10;
    if (c >= 'A' && c <= 'F') return c - 'A' + 10;
    return -1;
}

std::string decoded(std::string_view text) {
    std::string out;
    for (std::size_t i = 0; i < text.size(); ++i) {
        if (text[i] == '%' && i + 2 < text.size() && hex_digit(text[i + 1]) >= 0 &&
            hex_digit(text[i + 2]) >= 0) {
            out.push_back(static_cast<char>(hex_digit(text[i + 1]) * 16 + hex_digit(text[i + 2])));
            i += 2;
        } else {
            out.push_back(text[i] == '+' ? ' ' : text[i]);
        }
    }
    return out;
}

// A missing or null member is an empty list; anything but strings is a mistake.
bool read_strings(const rapidjson::Value& payload, const char* name,
                  std::vector<std::string>& into) {
    const rapidjson::Value* const found = find_member(payload, name);
    if (found == nullptr || found->IsNull()) return true;
    if (!found->IsArray()) return false;
    for (const rapidjson::Value& item : found->GetArray()) {
        if (!item.IsString()) return false;
        into.emplace_back(item.GetString(), item.GetStringLength());
    }
    return true;
}

}  // namespace

std::optional<std::int64_t> read_number(std::string_view text) noexcept {
    std::int64_t value = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (error != std::errc() || end != text.data() + text.size() || text.empty()) {
        return std::nullopt;
    }
    return value;
}

std::vector<std::pair<std::string, std::string>> parse_query(std::string_view query) {
    std::vector<std::pair<std::string, std::string>> pairs;
    while (!query.empty()) {
        const std::size_t end = query.find('&');
        const std::string_view pair = query.substr(0, end);
        query.remove_prefix(end == std::string_view::npos ? query.size() : end + 1);
        if (pair.empty()) continue;
        const std::size_t equals = pair.find('=');
        const std::string_view value =
            equals == std::string_view::npos ? std::string_view() : pair.substr(equals + 1);
        pairs.emplace_back(decoded(pair.substr(0, equals)), decoded(value));
    }
    return pairs;
}

bool Subscription::wants(const Frame& frame) const noexcept {
    if (!dids_.empty() && !frame.did.empty() && !dids_.contains(frame.did)) return false;
    if (frame.collection.empty() || (exact_.empty() && prefixes_.empty())) return true;
    if (exact_.contains(frame.collection)) return true;
    for (const std::string& prefix : prefixes_) {
        if (frame.collection.starts_with(prefix)) return true;
    }
    return false;
}

std::string Subscription::set_collections(const std::vector<std::string>& wanted) {
    exact_.clear();
    prefixes_.clear();
    const std::set<std::string> distinct(wanted.begin(), wanted.end());
    if (distinct.size() > max_collections) return "too many wanted collections: at most 100";
    for (const std::string& pattern : distinct) {
        if (pattern.ends_with(".*") &&
            atproto::is_valid_nsid_prefix(pattern.substr(0, pattern.size() - 2))) {
            prefixes_.push_back(pattern.substr(0, pattern.size() - 1));
        } else if (atproto::is_valid_nsid(pattern)) {
            exact_.insert(pattern);
        } else {
            return "invalid collection: " + pattern;
        }
    }
    return {};
}

std::string Subscription::set_dids(const std::vector<std::string>& wanted) {
    dids_.clear();
    for (const std::string& did : wanted) {
        if (!atproto::is_valid_did(did)) return "invalid DID: " + did;
        dids_.insert(did);
    }
    return dids_.size() > max_dids ? "too many wanted DIDs: at most 10000" : std::string();
}

std::string read_subscribe_query(std::string_view query, SubscribeRequest& request) {
    std::vector<std::string> collections;
    std::vector<std::string> dids;
    for (auto& [name, value] : parse_query(query)) {
        if (name == "wantedCollections") {
            collections.push_back(std::move(value));
        } else if (name == "wantedDids") {
            dids.push_back(std::move(value));
        } else if (name == "cursor") {
            request.cursor = read_number(value);
            if (!request.cursor || *request.cursor < 0) return "invalid cursor: " + value;
        } else if (name == "maxMessageSizeBytes") {
            request.subscription.set_max_bytes(read_number(value).value_or(0));
        } else if (name == "requireHello") {
            request.require_hello = value == "true";
        } else if (name == "compress") {
            request.compress = value == "true";
        }
    }
    std::string problem = request.subscription.set_collections(collections);
    return problem.empty() ? request.subscription.set_dids(dids) : problem;
}

UpdateResult read_options_update(std::string_view message, Subscription& subscription,
                                 std::string& problem) {
    rapidjson::Document document;
    document.Parse<rapidjson::kParseIterativeFlag>(message.data(), message.size());
    if (document.HasParseError() || !document.IsObject()) {
        problem = "the message is not a JSON object";
        return UpdateResult::invalid;
    }
    const rapidjson::Value* const type = find_member(document, "type");
    if (type == nullptr || !type->IsString() ||
        std::string_view(type->GetString()) != "options_update") {
        return UpdateResult::ignored;
    }
    const rapidjson::Value* const payload = find_member(document, "payload");
    if (payload == nullptr || !payload->IsObject()) {
        problem = "the options_update has no payload";
        return UpdateResult::invalid;
    }
    std::vector<std::string> collections;
    std::vector<std::string> dids;
    if (!read_strings(*payload, "wantedCollections", collections) ||
        !read_strings(*payload, "wantedDids", dids)) {
        problem = "a filter is not a list of strings";
        return UpdateResult::invalid;
    }
    Subscription updated;
    problem = updated.set_collections(collections);
    if (problem.empty()) problem = updated.set_dids(dids);
    if (!problem.empty()) return UpdateResult::invalid;
    const rapidjson::Value* const size = find_member(*payload, "maxMessageSizeBytes");
    if (size != nullptr && size->IsInt64()) {
        updated.set_max_bytes(size->GetInt64());
    }
    subscription = std::move(updated);
    return UpdateResult::applied;
}

}  // namespace subcults::sim

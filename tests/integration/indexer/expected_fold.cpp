#include "integration/indexer/expected_fold.hpp"

#include <rapidjson/document.h>
#include <rapidjson/stringbuffer.h>
#include <rapidjson/writer.h>

#include <algorithm>
#include <fstream>

namespace subcults::test {

namespace {

using Value = rapidjson::Value;
using Writer = rapidjson::Writer<rapidjson::StringBuffer>;

void write_canonical(Writer& writer, const Value& value) {
    if (value.IsObject()) {
        std::map<std::string, const Value*> members;
        for (const auto& member : value.GetObject()) {
            members[member.name.GetString()] = &member.value;
        }
        writer.StartObject();
        for (const auto& [name, member] : members) {
            writer.Key(name.data(), static_cast<rapidjson::SizeType>(name.size()));
            write_canonical(writer, *member);
        }
        writer.EndObject();
    } else if (value.IsArray()) {
        writer.StartArray();
        for (const Value& item : value.GetArray())
            write_canonical(writer, item);
        writer.EndArray();
    } else {
        value.Accept(writer);
    }
}

std::string canonical(const Value& value) {
    rapidjson::StringBuffer buffer;
    Writer writer(buffer);
    write_canonical(writer, value);
    return {buffer.GetString(), buffer.GetSize()};
}

std::string text(const Value& object, const char* name) {
    return object.HasMember(name) ? std::string(object[name].GetString()) : std::string();
}

void fold_account(ExpectedFold& fold, const std::string& did, const Value& account) {
    const bool active = account["active"].GetBool();
    std::string status = active ? std::string() : text(account, "status");
    if (!active && status.empty()) status = "inactive";
    if (const auto known = fold.accounts.find(did); known != fold.accounts.end()) {
        known->second.status = status;
        if (status == "deleted") known->second.handle.clear();
        fold.hidden.erase(did);
        if (!active && status != "deleted") fold.hidden.insert(did);
    }
    if (status != "deleted") return;
    for (auto& [key, record] : fold.records) {
        if (std::get<0>(key) != did) continue;
        record.cid.clear();
        record.record.clear();
    }
}

}  // namespace

std::size_t ExpectedFold::live() const {
    return static_cast<std::size_t>(std::count_if(
        records.begin(), records.end(), [](const auto& e) { return !e.second.record.empty(); }));
}

std::string canonical_json(const std::string& json) {
    rapidjson::Document document;
    document.Parse<rapidjson::kParseFullPrecisionFlag>(json.data(), json.size());
    return document.HasParseError() ? std::string() : canonical(document);
}

ExpectedFold fold_frames(const std::vector<std::string>& frames) {
    ExpectedFold fold;
    for (const std::string& frame : frames) {
        rapidjson::Document event;
        event.Parse<rapidjson::kParseFullPrecisionFlag>(frame.data(), frame.size());
        if (event.HasParseError() || !event.IsObject()) continue;
        const std::string did = text(event, "did");
        const std::string kind = text(event, "kind");
        if (kind == "account") fold_account(fold, did, event["account"]);
        if (kind == "identity") {
            const auto known = fold.accounts.find(did);
            if (known != fold.accounts.end())
                known->second.handle = text(event["identity"], "handle");
        }
        if (kind != "commit") continue;
        fold.accounts.try_emplace(did);
        const Value& commit = event["commit"];
        FoldedRecord record;
        record.rev = text(commit, "rev");
        if (text(commit, "operation") != "delete") {
            record.cid = text(commit, "cid");
            record.record = canonical(commit["record"]);
        }
        FoldedRecord& slot = fold.records[{did, text(commit, "collection"), text(commit, "rkey")}];
        if (slot.rev < record.rev) slot = record;
    }
    return fold;
}

std::vector<std::string> read_lines(const std::string& path) {
    std::ifstream file(path);
    std::vector<std::string> lines;
    for (std::string line; std::getline(file, line);)
        lines.push_back(line);
    return lines;
}

}  // namespace subcults::test

// A frame read a second time, by another parser and as a whole document: what the decoder promises,
// written down once more. The syntax of identifiers is taken from libs/atproto, which has tests of
// its own; how a frame is taken apart and judged is not shared with the decoder.
#pragma once

#include "atproto/cid.hpp"
#include "atproto/did.hpp"
#include "atproto/handle.hpp"
#include "atproto/nsid.hpp"
#include "atproto/rkey.hpp"
#include "atproto/tid.hpp"
#include "fuzz/oracle.hpp"
#include "jetstream/event.hpp"

#include <rapidjson/document.h>
#include <rapidjson/memorystream.h>
#include <rapidjson/reader.h>

#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <initializer_list>
#include <optional>
#include <string>
#include <string_view>

namespace subcults::fuzz {

enum class Verdict { accepted, refused, undecided };

struct Reading {
    Verdict verdict = Verdict::undecided;
    const char* why = "";
    // When accepted: what the event says; `record` as it prints.
    std::string kind, did, rev, operation, collection, rkey, cid, record;
    std::int64_t time_us = 0;
    std::optional<std::int64_t> seq;
    std::optional<std::string> handle, status;
    bool active = true;
    std::int64_t upstream_seq = 0;
};

// What a document's values do not tell: how deep it is, whether a string holds what no database
// takes, and whether its numbers are too strange for this reading to have an opinion.
class Peculiarities : public rapidjson::BaseReaderHandler<rapidjson::UTF8<>, Peculiarities> {
  public:
    bool Default() noexcept { return true; }
    bool RawNumber(const char* text, rapidjson::SizeType length, bool) noexcept {
        const std::string_view number(text, length);
        const std::size_t e = number.find_first_of("eE");
        std::size_t written = length;
        if (e != std::string_view::npos) {
            written += static_cast<std::size_t>(std::abs(std::atol(text + e + 1)));
        }
        strange_numbers_ = strange_numbers_ || written > 300;
        expansion_ += e == std::string_view::npos ? 0 : written;
        return true;
    }
    bool String(const char* text, rapidjson::SizeType length, bool) noexcept {
        look(std::string_view(text, length));
        return true;
    }
    bool Key(const char* text, rapidjson::SizeType length, bool) noexcept {
        look(std::string_view(text, length));
        return true;
    }
    bool StartObject() noexcept { return enter(); }
    bool StartArray() noexcept { return enter(); }
    bool EndObject(rapidjson::SizeType) noexcept { return leave(); }
    bool EndArray(rapidjson::SizeType) noexcept { return leave(); }

    std::size_t deepest() const noexcept { return deepest_; }
    bool unstorable_text() const noexcept { return unstorable_text_; }
    bool strange_numbers() const noexcept { return strange_numbers_ || expansion_ > 200'000; }

  private:
    bool enter() noexcept {
        deepest_ = std::max(deepest_, ++depth_);
        return true;
    }
    bool leave() noexcept {
        --depth_;
        return true;
    }
    // U+0000, or half a surrogate pair as this parser writes it down.
    void look(std::string_view text) noexcept {
        for (std::size_t i = 0; i < text.size(); ++i) {
            const auto byte = static_cast<unsigned char>(text[i]);
            const bool surrogate = byte == 0xed && i + 1 < text.size() &&
                                   static_cast<unsigned char>(text[i + 1]) >= 0xa0;
            unstorable_text_ = unstorable_text_ || byte == 0 || surrogate;
        }
    }

    std::size_t depth_ = 0;
    std::size_t deepest_ = 0;
    bool unstorable_text_ = false;
    bool strange_numbers_ = false;
    std::size_t expansion_ = 0;
};

class FrameReader {
  public:
    explicit FrameReader(std::string_view frame) : frame_(frame) {}

    Reading read() {
        // Not with full precision: only integers are looked at, and RapidJSON's exact reading of
        // such numbers as 0e111 is undefined behaviour.
        constexpr unsigned flags =
            rapidjson::kParseIterativeFlag | rapidjson::kParseValidateEncodingFlag;
        rapidjson::Document document;
        rapidjson::MemoryStream stream(frame_.data(), frame_.size());
        document.ParseStream<flags, rapidjson::UTF8<>>(stream);
        if (document.GetParseError() == rapidjson::kParseErrorNumberTooBig) {
            return verdict(Verdict::undecided, "a number that no double holds");
        }
        if (document.HasParseError() || stream.Tell() != frame_.size()) {
            return verdict(Verdict::refused, "no JSON");
        }
        if (!document.IsObject()) return verdict(Verdict::refused, "no object");
        if (!judge(document)) return verdict(Verdict::refused, reading_.why);
        return peculiar();
    }

  private:
    using Value = rapidjson::Value;

    Reading verdict(Verdict found, const char* why) {
        reading_.verdict = found;
        reading_.why = why;
        return reading_;
    }
    bool no(const char* why) {
        reading_.why = why;
        return false;
    }

    Reading peculiar() {
        rapidjson::MemoryStream stream(frame_.data(), frame_.size());
        rapidjson::Reader reader;
        Peculiarities found;
        reader.Parse<oracle_flags, rapidjson::MemoryStream, Peculiarities>(stream, found);
        if (found.deepest() > 256) return verdict(Verdict::refused, "too deep");
        if (found.unstorable_text()) return verdict(Verdict::refused, "unstorable text");
        if (found.strange_numbers()) return verdict(Verdict::undecided, "strange numbers");
        return verdict(Verdict::accepted, "");
    }

    // The only member of this name; nullptr when there is none. More than one is a fault.
    const Value* only(const Value& object, std::string_view name) {
        const Value* found = nullptr;
        for (auto member = object.MemberBegin(); member != object.MemberEnd(); ++member) {
            if (std::string_view(member->name.GetString(), member->name.GetStringLength()) !=
                name) {
                continue;
            }
            if (found != nullptr) twice_ = true;
            found = &member->value;
        }
        return found;
    }
    void look_for_repeats(const Value& object, std::initializer_list<std::string_view> names) {
        for (const std::string_view name : names)
            only(object, name);
    }
    void look_inside(const Value* object, std::initializer_list<std::string_view> names) {
        if (object != nullptr && object->IsObject()) look_for_repeats(*object, names);
    }
    static std::string text(const Value* value) {
        return {value->GetString(), value->GetStringLength()};
    }
    template <class Check>
    bool identifier(const Value* value, Check check, std::string& into) {
        if (value == nullptr || !value->IsString() || !check(text(value))) return no("identifier");
        into = text(value);
        return true;
    }
    bool counter(const Value* value, std::int64_t& into) {
        if (value == nullptr) return true;
        if (!value->IsInt64() || value->GetInt64() < 0) return no("number");
        into = value->GetInt64();
        return true;
    }

    bool judge(const Value& root) {
        look_for_repeats(root,
                         {"did", "time_us", "kind", "cursor", "commit", "identity", "account"});
        look_inside(only(root, "commit"),
                    {"rev", "operation", "collection", "rkey", "record", "cid"});
        look_inside(only(root, "identity"), {"did", "handle", "seq"});
        look_inside(only(root, "account"), {"active", "did", "status", "seq"});
        if (twice_) return no("given twice");

        if (!identifier(only(root, "did"), atproto::is_valid_did, reading_.did)) return false;
        const Value* const time = only(root, "time_us");
        if (time == nullptr || !time->IsInt64()) return no("time_us");
        reading_.time_us = time->GetInt64();
        if (reading_.time_us < 1'000'000'000'000'000 || reading_.time_us >= 4'000'000'000'000'000) {
            return no("time_us");
        }
        const Value* const cursor = only(root, "cursor");
        std::int64_t seq = 0;
        if (!counter(cursor, seq)) return false;
        if (cursor != nullptr) reading_.seq = seq;
        const Value* const kind = only(root, "kind");
        if (kind == nullptr || !kind->IsString()) return no("kind");
        reading_.kind = text(kind);
        for (const char* known : {"commit", "identity", "account"}) {
            if (reading_.kind != known) continue;
            const Value* const body = only(root, known);
            if (body == nullptr || !body->IsObject()) return no("no object of its kind");
            if (reading_.kind == "commit") return commit(*body);
            return reading_.kind == "identity" ? identity(*body) : account(*body);
        }
        return no("unknown kind");
    }

    bool commit(const Value& body) {
        if (!identifier(only(body, "collection"), atproto::is_valid_nsid, reading_.collection) ||
            !identifier(only(body, "rkey"), atproto::is_valid_rkey, reading_.rkey) ||
            !identifier(only(body, "rev"), atproto::is_valid_tid, reading_.rev)) {
            return false;
        }
        const Value* const operation = only(body, "operation");
        if (operation == nullptr || !operation->IsString()) return no("operation");
        reading_.operation = text(operation);
        if (reading_.operation == "delete") return true;
        if (reading_.operation != "create" && reading_.operation != "update") {
            return no("unknown operation");
        }
        if (!identifier(only(body, "cid"), atproto::is_valid_cid, reading_.cid)) return false;
        const Value* const record = only(body, "record");
        if (record == nullptr || !record->IsObject()) return no("record");
        return true;
    }

    bool same_did(const Value* did) {
        if (did == nullptr) return true;
        return (did->IsString() && text(did) == reading_.did) || no("another did inside");
    }

    bool identity(const Value& body) {
        const Value* const handle = only(body, "handle");
        if (!same_did(only(body, "did")) || !counter(only(body, "seq"), reading_.upstream_seq)) {
            return false;
        }
        if (handle == nullptr) return true;
        if (!handle->IsString()) return no("handle");
        if (atproto::is_valid_handle(text(handle)) && text(handle) != atproto::unresolved_handle) {
            reading_.handle = text(handle);
        }
        return true;
    }

    bool account(const Value& body) {
        const Value* const active = only(body, "active");
        const Value* const status = only(body, "status");
        if (!same_did(only(body, "did")) || !counter(only(body, "seq"), reading_.upstream_seq)) {
            return false;
        }
        if (active == nullptr || !active->IsBool()) return no("active");
        reading_.active = active->GetBool();
        if (status == nullptr) return true;
        if (!status->IsString() || status->GetStringLength() > 64) return no("status");
        reading_.status = text(status);
        return true;
    }

    std::string_view frame_;
    Reading reading_;
    bool twice_ = false;
};

inline Reading read_independently(std::string_view frame) {
    return FrameReader(frame).read();
}

// The first field in which an accepted event differs from the reading, or nullptr.
inline const char* difference(const jetstream::EventView& event, const Reading& reading,
                              std::string_view frame) {
    if (to_string(event.kind) != reading.kind) return "kind";
    if (event.did != reading.did) return "did";
    if (event.time_us != reading.time_us) return "time_us";
    if (event.seq != reading.seq) return "cursor";
    if (event.upstream_seq != reading.upstream_seq) return "seq";
    if (event.handle != reading.handle) return "handle";
    if (event.status != reading.status) return "status";
    if (event.active != reading.active) return "active";
    if (event.collection != reading.collection) return "collection";
    if (event.rkey != reading.rkey) return "rkey";
    if (event.rev != reading.rev) return "rev";
    if (event.kind != jetstream::Kind::commit) return nullptr;
    if (to_string(event.operation) != reading.operation) return "operation";
    if (event.cid != reading.cid) return "cid";
    if (event.operation == jetstream::Operation::del) {
        return event.record.empty() ? nullptr : "the record of a delete";
    }
    // Numbers compare as they are written, so that no digit gets lost on the way.
    rapidjson::Document whole;
    rapidjson::Document record;
    if (parse(whole, frame) != Opinion::json) return nullptr;
    if (parse(record, event.record) != Opinion::json) return "the record's slice";
    return printed(record) == printed(whole["commit"]["record"]) ? nullptr : "record";
}

}  // namespace subcults::fuzz

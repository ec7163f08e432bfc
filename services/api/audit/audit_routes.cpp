#include "audit/audit_routes.hpp"

#include "audit/audit_queries.hpp"
#include "audit/audit_writer.hpp"
#include "audit/entry_text.hpp"
#include "base/utf8.hpp"
#include "streams/stream_replies.hpp"

#include <charconv>
#include <set>

namespace subcults::api {

namespace asio = boost::asio;

namespace {

constexpr int default_limit = 100;
constexpr int max_limit = 500;
constexpr std::int64_t max_entries = 20'000;
constexpr std::int64_t recent_chains = 20;
constexpr std::size_t max_findings = 100;  // in an answer

enum class Format { json, jsonl, csv };

struct Asked {
    AuditFilter filter;
    int limit = default_limit;
    std::optional<AuditPosition> after;
    Format format = Format::json;
};

InputError invalid(std::string message) {
    InputError error;
    error.code = "validation_error";
    error.message = std::move(message);
    return error;
}

bool read_limit(const std::string& text, int& into) {
    const char* end = text.data() + text.size();
    const auto parsed = std::from_chars(text.data(), end, into);
    return parsed.ec == std::errc() && parsed.ptr == end && into >= 1 && into <= max_limit;
}

Result<Asked, InputError> read_query(const net::Request& request) {
    Asked asked;
    std::set<std::string_view> seen;
    for (const auto& [name, value] : request.query()) {
        if (!seen.insert(name).second) {
            return invalid("Parameter '" + std::string(clipped_utf8(name, 32)) +
                           "' appears twice.");
        }
        if (name == "entity_type") {
            asked.filter.entity_type = value;
        } else if (name == "entity_id") {
            asked.filter.entity = Uuid::parse(value);
            if (!asked.filter.entity) return invalid("Parameter 'entity_id' must be a UUID.");
        } else if (name == "limit") {
            if (!read_limit(value, asked.limit)) {
                return invalid("Parameter 'limit' must be an integer from 1 to 500.");
            }
        } else if (name == "cursor") {
            asked.after = AuditPosition::decode(value);
            if (!asked.after) return invalid("Parameter 'cursor' is not one of ours.");
        } else if (name == "format") {
            if (value == "csv") {
                asked.format = Format::csv;
            } else if (value == "jsonl") {
                asked.format = Format::jsonl;
            } else if (value != "json") {
                return invalid("Parameter 'format' must be 'json', 'jsonl' or 'csv'.");
            }
        }
        // Other parameters are ignored, as everywhere on the web: caches and proxies add them.
    }
    return asked;
}

// The chains that ended within the page.
std::vector<ExportHead> ends_of(PrivacyKeys& keys, const AuditPage& page) {
    std::vector<ExportHead> ends;
    for (std::size_t i = 0; i < page.entries.size(); ++i) {
        const StoredEntry& entry = page.entries[i];
        const bool last = i + 1 == page.entries.size();
        const bool ended =
            last ? page.last_ended : page.entries[i + 1].entity_id != entry.entity_id;
        if (!ended) continue;
        ChainHead head;
        head.seq = entry.seq;
        head.hash = entry.hash;
        ends.push_back(sign_head(keys, entry.entity_id, head));
    }
    return ends;
}

net::Response page_response(PrivacyKeys& keys, const AuditPage& page, Format format) {
    net::Response response;
    if (format == Format::json) {
        JsonWriter json;
        json.begin_object().key("entries").begin_array();
        for (const StoredEntry& entry : page.entries)
            write_entry(json, entry);
        json.end_array();
        std::optional<std::string> next;
        if (page.next) next = page.next->encode();
        json.field("next_cursor", next).end_object();
        return net::json_response(200, json.take());
    }
    const bool csv = format == Format::csv;
    response.content_type = csv ? "text/csv; charset=utf-8" : "application/jsonl; charset=utf-8";
    if (csv) response.body = csv_header();
    for (const StoredEntry& entry : page.entries)
        response.body += csv ? entry_csv(entry) : entry_json(entry) + "\n";
    for (const ExportHead& head : ends_of(keys, page))
        response.body += csv ? head_csv(head) : head_json(head) + "\n";
    if (page.next) response.headers.emplace_back("X-Next-Cursor", page.next->encode());
    return response;
}

std::string report_json(const VerifyReport& report) {
    JsonWriter json;
    json.begin_object().field("sound", report.sound()).key("findings").begin_array();
    std::size_t shown = 0;
    for (const AuditFinding& finding : report.findings) {
        if (shown++ == max_findings) break;
        json.begin_object()
            .field("entity_id", finding.entity.to_string())
            .field("seq", finding.seq)
            .field("what", finding.what)
            .end_object();
    }
    json.end_array()
        .field("finding_count", report.findings.size())
        .key("covered")
        .begin_object()
        .field("chains", report.chains)
        .field("entries", report.entries)
        .field("erased_entries", report.emptied.actors)
        .field("complete", report.complete)
        .end_object()
        .end_object();
    return json.take();
}

net::Response unwritten(const net::Request& request) {
    return net::retry_response(503, "unavailable",
                               "This could not be written to the audit log, so it was not done.",
                               request.request_id, 1);
}

// The handlers of one worker. Handlers are coroutines; `request` outlives them.
class AuditRoutes {
  public:
    explicit AuditRoutes(WorkerContext& context) : context_(context) {}

    asio::awaitable<net::Response> list(net::Request& request) {
        if (!request.principal.is_admin()) {
            auto refusal = co_await refuse_caller(request, "read");
            co_return refusal;
        }
        const auto asked = read_query(request);
        if (!asked) co_return refuse(request, asked.error());
        const bool noted = co_await note(request, "read", true);
        if (!noted) co_return unwritten(request);
        auto page = co_await list_entries(context_.pool, asked->filter, asked->after, asked->limit,
                                          request.deadline);
        if (!page) co_return database_failure(request, page.error(), context_.log);
        co_return page_response(context_.keys, *page, asked->format);
    }

    asio::awaitable<net::Response> verify(net::Request& request) {
        if (!request.principal.is_admin()) {
            auto refusal = co_await refuse_caller(request, "verified");
            co_return refusal;
        }
        const auto asked = read_query(request);
        if (!asked) co_return refuse(request, asked.error());
        const bool noted = co_await note(request, "verified", true);
        if (!noted) co_return unwritten(request);
        auto lease = co_await context_.pool.acquire(request.deadline);
        if (!lease) co_return database_failure(request, lease.error(), context_.log);
        VerifyReport report;
        auto done = co_await look(**lease, asked->filter.entity, request.deadline, report);
        if (!done) co_return database_failure(request, done.error(), context_.log);
        if (asked->filter.entity && report.chains == 0) {
            co_return net::error_response(404, "not_found", "There is no such chain.",
                                          request.request_id);
        }
        co_return net::json_response(200, report_json(report));
    }

  private:
    asio::awaitable<db::DbResult<void>> look(db::Connection& connection, std::optional<Uuid> entity,
                                             Deadline deadline, VerifyReport& report) {
        const auto limit = deadline - SteadyClock::now();
        auto begun = co_await begin_snapshot(connection, limit);
        if (!begun) co_return begun.error();
        db::DbResult<void> verified;
        if (entity) {
            verified = co_await verify_chain(connection, context_.keys, *entity, max_entries, limit,
                                             report);
        } else {
            verified = co_await verify_recent(connection, context_.keys, recent_chains, max_entries,
                                              limit, report);
        }
        if (!verified) co_return verified.error();
        auto ended = co_await end_snapshot(connection, limit);
        co_return ended;
    }

    asio::awaitable<bool> note(const net::Request& request, std::string_view action, bool allowed) {
        AuditNote note;
        note.entity_type = audit_log_entity_type;
        note.entity_id = audit_log_entity();
        note.action = action;
        note.allowed = allowed;
        note.actor = context_.keys.actor(context_.keys.current_kid(), request.principal.did);
        note.request_id = request.request_id;
        note.deadline = request.deadline;
        const bool written = co_await context_.audit.record(std::move(note));
        co_return written;
    }

    asio::awaitable<net::Response> refuse_caller(const net::Request& request,
                                                 std::string_view action) {
        const bool noted = co_await note(request, action, false);
        if (!noted) co_return unwritten(request);
        co_return net::error_response(403, "forbidden", "Your role does not allow this.",
                                      request.request_id);
    }

    WorkerContext& context_;
};

}  // namespace

void add_audit_routes(net::Router& router, const net::Guard& user, WorkerContext& context) {
    // Shared by the handlers below, so it lives as long as the router.
    auto routes = std::make_shared<AuditRoutes>(context);
    net::RouteOptions options;
    options.guards = {user};
    router.add(net::Method::get, "/audit-logs", options,
               [routes](net::Request& request) { return routes->list(request); });
    router.add(net::Method::get, "/audit-logs/verify", options,
               [routes](net::Request& request) { return routes->verify(request); });
}

}  // namespace subcults::api

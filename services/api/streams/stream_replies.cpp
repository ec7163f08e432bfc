#include "streams/stream_replies.hpp"

#include <boost/asio/use_awaitable.hpp>

namespace subcults::api {

namespace asio = boost::asio;
using Status = Outcome::Status;

namespace {

net::Response unavailable(const net::Request& request, std::string_view code,
                          std::string_view message) {
    return net::retry_response(503, code, message, request.request_id, 1);
}

net::Response internal_error(const net::Request& request) {
    return net::error_response(500, "internal_error", "Something went wrong on our side.",
                               request.request_id);
}

}  // namespace

Command command_for(WorkerContext& context, const net::Request& request, CommandKind kind) {
    Command command;
    command.kind = kind;
    if (!request.uuid_params.empty()) command.session = request.uuid_params[0];
    command.caller_did = request.principal.did;
    command.request_id = request.request_id;
    command.trace = request.trace;
    command.actor = context.keys.actor(context.keys.current_kid(), command.caller_did);
    command.deadline = request.deadline;
    return command;
}

void name_participant(WorkerContext& context, Command& command) {
    command.participant_id = context.keys.participant_id(context.keys.current_kid(),
                                                         command.session, command.caller_did);
}

asio::awaitable<Outcome> submit(WorkerContext& context, Command command) {
    auto outcome = co_await context.ledger.async_submit(std::move(command), context.index,
                                                        asio::use_awaitable);
    co_return outcome;
}

asio::awaitable<bool> note_refusal(WorkerContext& context, const net::Request& request,
                                   Subject subject, std::string_view action) {
    AuditNote note;
    note.entity_type = subject.kind == Subject::Kind::scene ? "scene" : "event";
    note.entity_id = subject.id;
    note.action = action;
    note.allowed = false;
    note.actor = context.keys.actor(context.keys.current_kid(), request.principal.did);
    note.request_id = request.request_id;
    note.deadline = request.deadline;
    const bool noted = co_await context.audit.record(std::move(note));
    co_return noted;
}

net::Response refuse(const net::Request& request, const InputError& error) {
    return net::error_response(400, error.code, error.message, request.request_id);
}

net::Response no_such_stream(const net::Request& request) {
    return net::error_response(404, "not_found", "There is no such stream.", request.request_id);
}

net::Response hosts_only(const net::Request& request) {
    return net::error_response(403, "forbidden", "Only the host may do this.", request.request_id);
}

net::Response database_failure(const net::Request& request, const db::Error& error, Log& log) {
    if (error.transient() || error.kind != db::ErrorKind::server) {
        return unavailable(request, "unavailable", "The service cannot reach its database.");
    }
    log.error("query failed", {{"statement", error.statement},
                               {"sqlstate", error.sqlstate},
                               {"error", error.message},
                               {"request_id", request.request_id},
                               {"trace_id", request.trace.self.trace_text()},
                               {"span_id", request.trace.self.span_text()}});
    return internal_error(request);
}

net::Response refusal(const net::Request& request, const Outcome& outcome) {
    const std::string& id = request.request_id;
    switch (outcome.status) {
        case Status::not_found:
            return no_such_stream(request);
        case Status::unknown_participant:
            return net::error_response(404, "not_found",
                                       "There is no such participant in this stream.", id);
        case Status::gone:
            return net::error_response(410, "scene_deleted", "The scene is gone.", id);
        case Status::ended:
            return net::error_response(409, "conflict", "The stream has ended.", id);
        case Status::forbidden:
            return hosts_only(request);
        case Status::locked:
            return net::error_response(403, "stream_locked", "The stream is locked by its host.",
                                       id);
        case Status::kicked:
            return net::error_response(403, "kicked", "The host has removed you from this stream.",
                                       id);
        case Status::target_is_host:
            return net::error_response(409, "conflict", "The host cannot be removed.", id);
        case Status::no_livekit:
            // It takes a new configuration.
            return net::retry_response(503, "livekit_not_configured",
                                       "No LiveKit is configured here.", id, 60);
        case Status::already_active:
            return net::error_response(409, "conflict", "A stream is active already.", id);
        case Status::key_reused:
            return net::error_response(422, "idempotency_key_reused",
                                       "This Idempotency-Key came with another request before.",
                                       id);
        case Status::unavailable:
            return unavailable(request, "unavailable",
                               "The service cannot take this now. Nothing was changed.");
        case Status::outcome_unknown:
            return unavailable(request, "outcome_unknown",
                               "The change may or may not have been made; ask before repeating.");
        case Status::applied:
        case Status::replayed:
        case Status::failed:
            break;
    }
    return internal_error(request);
}

}  // namespace subcults::api

#include "db/replies.hpp"

#include <libpq-fe.h>

#include <string_view>
#include <utility>

namespace subcults::db {

namespace {

std::string field(const pg_result* result, int code) {
    const char* text = PQresultErrorField(result, code);
    return text == nullptr ? std::string() : std::string(text);
}

// libpq's own messages are paragraphs; their first line says what happened.
std::string first_line(std::string_view text) {
    return std::string(text.substr(0, text.find('\n')));
}

// A statement's end without its result: libpq may say so once on the way out of a pipeline, a dead
// connection does for ever.
constexpr std::size_t idle_ends_allowed = 2;

}  // namespace

Reply read_reply(pg_result* owned) {
    Reply reply;
    reply.rows = Rows(owned);
    switch (PQresultStatus(owned)) {
        case PGRES_TUPLES_OK:
        case PGRES_COMMAND_OK:
        case PGRES_EMPTY_QUERY:
            reply.kind = Reply::Kind::rows;
            return reply;
        case PGRES_PIPELINE_SYNC:
            reply.kind = Reply::Kind::sync;
            return reply;
        case PGRES_PIPELINE_ABORTED:
            reply.kind = Reply::Kind::aborted;
            return reply;
        case PGRES_BAD_RESPONSE:
        case PGRES_NONFATAL_ERROR:
        case PGRES_FATAL_ERROR:
            break;
        default:
            reply.kind = Reply::Kind::strange;
            return reply;
    }
    reply.error.sqlstate = field(owned, PG_DIAG_SQLSTATE);
    reply.error.message = field(owned, PG_DIAG_MESSAGE_PRIMARY);
    const std::string severity = field(owned, PG_DIAG_SEVERITY_NONLOCALIZED);
    if (reply.error.sqlstate.empty()) {
        // libpq speaking, not the server.
        reply.kind = Reply::Kind::dead;
        reply.error.kind = ErrorKind::connection_lost;
        reply.error.message = first_line(PQresultErrorMessage(owned));
    } else if (severity == "FATAL" || severity == "PANIC") {
        // The session ends here. Whether an implicit commit came before it, nobody can tell.
        reply.kind = Reply::Kind::dead;
        reply.error.kind = ErrorKind::connection_lost;
    } else {
        reply.kind = Reply::Kind::error;
        reply.error.kind = ErrorKind::server;
    }
    return reply;
}

Progress SingleReplies::on_reply(Reply reply) {
    switch (reply.kind) {
        case Reply::Kind::rows:
            if (!std::exchange(answered_, true)) rows_ = std::move(reply.rows);
            return Progress::more;
        case Reply::Kind::error:
            if (!failure_) failure_ = std::move(reply.error);
            return Progress::more;
        case Reply::Kind::dead:
            failure_ = std::move(reply.error);
            return Progress::dead;
        case Reply::Kind::aborted:
        case Reply::Kind::sync:
        case Reply::Kind::strange:
            return Progress::nonsense;
    }
    return Progress::nonsense;
}

Progress PipelineReplies::on_reply(Reply reply) {
    idle_ends_ = 0;
    switch (reply.kind) {
        case Reply::Kind::rows:
            if (answered_ || failure_ || step_ >= steps_) return Progress::nonsense;
            rows_.push_back(std::move(reply.rows));
            answered_ = true;
            return Progress::more;
        case Reply::Kind::error:
            if (answered_ || failure_) return Progress::nonsense;
            failure_ = std::move(reply.error);
            failed_step_ = step_;
            // At the sync there is no statement whose end could follow.
            answered_ = step_ < steps_;
            return Progress::more;
        case Reply::Kind::dead:
            failed_step_ = step_;
            failure_ = std::move(reply.error);
            return Progress::dead;
        case Reply::Kind::aborted:
            if (answered_ || !failure_ || step_ >= steps_) return Progress::nonsense;
            answered_ = true;
            return Progress::more;
        case Reply::Kind::sync:
            return step_ == steps_ && !answered_ ? Progress::complete : Progress::nonsense;
        case Reply::Kind::strange:
            return Progress::nonsense;
    }
    return Progress::nonsense;
}

Progress PipelineReplies::on_end() {
    if (answered_) {
        answered_ = false;
        ++step_;
        return Progress::more;
    }
    return ++idle_ends_ > idle_ends_allowed ? Progress::nonsense : Progress::more;
}

}  // namespace subcults::db

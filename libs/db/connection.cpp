#include "db/connection.hpp"

#include "db/driver.hpp"

#include <libpq-fe.h>

#include <algorithm>
#include <utility>

namespace asio = boost::asio;

namespace subcults::db {

Pipeline& Pipeline::add(const Statement& statement, Params params) {
    Step step;
    step.name = statement.name;
    step.params = std::move(params);
    steps_.push_back(std::move(step));
    return *this;
}

Pipeline& Pipeline::command(std::string_view sql) {
    Step step;
    step.sql = sql;
    steps_.push_back(std::move(step));
    return *this;
}

Pipeline& Pipeline::when_sent(std::function<void()> call) {
    when_sent_ = std::move(call);
    return *this;
}

namespace {

// Reports how long a request took when it has been answered, well or badly.
class QueryTimer {
  public:
    QueryTimer(const std::function<void(std::string_view, double)>& report, std::string_view name)
        : report_(report), name_(name) {}
    ~QueryTimer() {
        if (!report_) return;
        const std::chrono::duration<double> taken = SteadyClock::now() - start_;
        report_(name_, taken.count());
    }
    QueryTimer(const QueryTimer&) = delete;
    QueryTimer& operator=(const QueryTimer&) = delete;

  private:
    const std::function<void(std::string_view, double)>& report_;
    std::string_view name_;
    SteadyClock::time_point start_ = SteadyClock::now();
};

Deadline share(Deadline end, std::size_t parts) {
    const auto now = SteadyClock::now();
    if (end <= now || parts <= 1) return end;
    return now + (end - now) / static_cast<std::int64_t>(parts);
}

int send_prepared(PGconn* conn, std::string_view name, const Params& params) {
    const std::string terminated(name);
    const auto pointers = params.pointers();
    const auto lengths = params.lengths();
    const auto formats = params.formats();
    return PQsendQueryPrepared(conn, terminated.c_str(), params.size(), pointers.data(),
                               lengths.data(), formats.data(), 1);
}

// The simple protocol is not allowed in a pipeline.
int send_command(PGconn* conn, const std::string& sql) {
    return PQsendQueryParams(conn, sql.c_str(), 0, nullptr, nullptr, nullptr, nullptr, 1);
}

int send_setting(PGconn* conn, const std::string& name, const std::string& value) {
    const char* values[] = {name.c_str(), value.c_str()};
    return PQsendQueryParams(conn, "SELECT pg_catalog.set_config($1, $2, false)", 2, nullptr,
                             values, nullptr, nullptr, 1);
}

}  // namespace

struct Connection::Impl final : Driver {
    Impl(asio::any_io_executor executor, ConnectionOptions given)
        : Driver(std::move(executor)), options(std::move(given)) {}

    using Self = std::shared_ptr<Impl>;

    // Why a request cannot be sent now; nothing has been sent then.
    std::optional<Error> refusal(Deadline deadline) {
        if (!open() || !alive()) {
            std::string message = "not connected";
            if (!last_words().empty()) message.append(" (").append(last_words()).append(")");
            return error(ErrorKind::unavailable, std::move(message));
        }
        if (SteadyClock::now() >= deadline) {
            return error(ErrorKind::unavailable, "the deadline passed before anything was sent");
        }
        return std::nullopt;
    }

    Error not_sent() {
        if (PQstatus(handle()) == CONNECTION_BAD) return lost();
        return error(ErrorKind::protocol, PQerrorMessage(handle()));
    }

    static asio::awaitable<DbResult<void>> connect(Self self);
    static asio::awaitable<DbResult<void>> connect_round(Self self, const ConnInfo& info,
                                                         std::string round, Deadline end);
    static asio::awaitable<DbResult<void>> set_up(Self self);
    static asio::awaitable<DbResult<Rows>> query(Self self, Statement statement, Params params,
                                                 Deadline deadline);
    static asio::awaitable<DbResult<PipelineResult>> run(Self self, std::string name,
                                                         Pipeline pipeline, Deadline deadline);
    static asio::awaitable<DbResult<void>> execute(Self self, std::string sql, Deadline deadline);
    static asio::awaitable<DbResult<Notification>> next_notification(Self self, Deadline deadline);

    ConnectionOptions options;
};

// --- connecting ----------------------------------------------------------------------------------

asio::awaitable<DbResult<void>> Connection::Impl::connect(Self self) {
    if (self->open()) self->close();
    const auto end = deadline_in(self->options.connect_timeout);
    Operation operation(*self, end);
    const auto info = parse_conninfo(self->options.uri, self->options.application_name);
    if (!info) co_return self->error(ErrorKind::unavailable, uri_mistake(self->options.uri));

    DbResult<void> outcome;
    for (std::size_t i = 0; i < info->rounds.size(); ++i) {
        const auto round_end = share(end, info->rounds.size() - i);
        outcome = co_await connect_round(self, *info, info->rounds[i], round_end);
        if (operation.overtaken()) {
            co_return self->error(ErrorKind::cancelled, "the connection was closed");
        }
        if (outcome ||
            (outcome.error().kind == ErrorKind::server && !outcome.error().transient())) {
            break;
        }
    }
    if (!outcome) co_return outcome;
    self->extend(end);
    outcome = co_await set_up(self);
    if (operation.overtaken()) {
        co_return self->error(ErrorKind::cancelled, "the connection was closed");
    }
    if (!outcome) co_return outcome;
    self->set_ready();
    operation.finish();
    co_return outcome;
}

// Every target once, every address of it once. A refusal that another server would repeat (wrong
// password, no such database) ends the round.
asio::awaitable<DbResult<void>> Connection::Impl::connect_round(Self self, const ConnInfo& info,
                                                                std::string round, Deadline end) {
    DbResult<void> outcome = self->error(ErrorKind::unavailable, "no time to connect");
    for (std::size_t i = 0; i < info.targets.size(); ++i) {
        const auto& target = info.targets[i];
        const auto target_end = share(end, info.targets.size() - i);
        std::vector<std::string> addresses(1, target.address);
        if (target.needs_resolving()) {
            auto resolved = co_await self->resolve(target.host, target_end);
            if (!resolved) {
                outcome = std::move(resolved).error();
                if (outcome.error().kind == ErrorKind::cancelled) co_return outcome;
                continue;
            }
            addresses = std::move(*resolved);
        }
        for (std::size_t j = 0; j < addresses.size(); ++j) {
            auto keywords = info.attempt(target, addresses[j], round);
            const auto address_end = share(target_end, addresses.size() - j);
            outcome = co_await self->attempt(std::move(keywords), address_end);
            if (outcome) co_return outcome;
            const auto& failure = outcome.error();
            const bool final = failure.kind == ErrorKind::cancelled ||
                               (failure.kind == ErrorKind::server && !failure.transient());
            if (final) co_return outcome;
        }
    }
    co_return outcome;
}

// Settings and statements in one round trip.
asio::awaitable<DbResult<void>> Connection::Impl::set_up(Self self) {
    const auto& settings = self->options.settings;
    const auto& statements = self->options.statements;
    if (settings.empty() && statements.empty()) co_return DbResult<void>();

    auto* conn = self->handle();
    int sent = PQenterPipelineMode(conn);
    for (const auto& [name, value] : settings) {
        if (sent != 0) sent = send_setting(conn, name, value);
    }
    for (const auto& statement : statements) {
        const std::string name(statement.name);
        const std::string sql(statement.sql);
        if (sent != 0) sent = PQsendPrepare(conn, name.c_str(), sql.c_str(), 0, nullptr);
    }
    if (sent == 0 || PQpipelineSync(conn) == 0) co_return self->not_sent();

    PipelineReplies replies(settings.size() + statements.size());
    auto broken = co_await self->converse(replies);
    if (broken) {
        // Nothing of anybody's work was in it.
        if (broken->kind != ErrorKind::cancelled) broken->kind = ErrorKind::unavailable;
        co_return std::move(*broken);
    }
    if (replies.failure()) {
        Error failure = *replies.failure();
        const auto step = replies.failed_step();
        if (step < settings.size()) {
            failure.statement = settings[step].first;
        } else if (step - settings.size() < statements.size()) {
            failure.statement = statements[step - settings.size()].name;
        }
        co_return failure;
    }
    if (PQexitPipelineMode(conn) == 0) {
        co_return self->error(ErrorKind::unavailable, PQerrorMessage(conn));
    }
    co_return DbResult<void>();
}

// --- requests ------------------------------------------------------------------------------------

asio::awaitable<DbResult<Rows>> Connection::Impl::query(Self self, Statement statement,
                                                        Params params, Deadline deadline) {
    Operation operation(*self, deadline);
    if (auto refused = self->refusal(deadline)) {
        operation.finish();
        refused->statement = statement.name;
        co_return std::move(*refused);
    }
    const QueryTimer timer(self->options.on_query, statement.name);
    std::optional<Error> failure;
    SingleReplies replies;
    if (send_prepared(self->handle(), statement.name, params) == 0) {
        failure = self->not_sent();
    } else {
        failure = co_await self->converse(replies);
        if (!failure) {
            operation.finish();
            failure = replies.failure();
        }
    }
    if (failure) {
        failure->statement = statement.name;
        co_return std::move(*failure);
    }
    co_return replies.take_rows();
}

asio::awaitable<DbResult<PipelineResult>> Connection::Impl::run(Self self, std::string name,
                                                                Pipeline pipeline,
                                                                Deadline deadline) {
    Operation operation(*self, deadline);
    if (auto refused = self->refusal(deadline)) {
        operation.finish();
        refused->statement = name;
        co_return std::move(*refused);
    }
    const auto& steps = pipeline.steps_;
    if (steps.empty()) {
        operation.finish();
        co_return PipelineResult();
    }
    const QueryTimer timer(self->options.on_query, name);
    auto* conn = self->handle();
    int sent = PQenterPipelineMode(conn);
    for (const auto& step : steps) {
        if (sent == 0) break;
        sent = step.name.empty() ? send_command(conn, step.sql)
                                 : send_prepared(conn, step.name, step.params);
    }
    std::optional<Error> broken;
    PipelineReplies replies(steps.size());
    if (sent == 0 || PQpipelineSync(conn) == 0) {
        broken = self->not_sent();
    } else {
        broken = co_await self->converse(replies, &pipeline.when_sent_);
    }
    if (!broken && PQexitPipelineMode(conn) == 0) {
        broken = self->error(ErrorKind::protocol, PQerrorMessage(conn));
    }
    if (broken) {
        broken->statement = name;
        co_return std::move(*broken);
    }
    operation.finish();

    PipelineResult result;
    result.rows = replies.take_rows();
    if (replies.failure()) {
        result.failed_step = replies.failed_step();
        result.error = std::make_unique<Error>(*replies.failure());
        if (result.failed_step < steps.size()) {
            const auto& step = steps[result.failed_step];
            result.error->statement = step.name.empty() ? std::string_view(step.sql) : step.name;
        } else {
            result.error->statement = name;
        }
    }
    co_return result;
}

asio::awaitable<DbResult<void>> Connection::Impl::execute(Self self, std::string sql,
                                                          Deadline deadline) {
    Operation operation(*self, deadline);
    if (auto refused = self->refusal(deadline)) {
        operation.finish();
        co_return std::move(*refused);
    }
    std::optional<Error> failure;
    if (PQsendQuery(self->handle(), sql.c_str()) == 0) {
        failure = self->not_sent();
    } else {
        SingleReplies replies;
        failure = co_await self->converse(replies);
        if (!failure) {
            operation.finish();
            failure = replies.failure();
        }
    }
    if (failure) co_return std::move(*failure);
    co_return DbResult<void>();
}

asio::awaitable<DbResult<Notification>> Connection::Impl::next_notification(Self self,
                                                                            Deadline deadline) {
    Operation operation(*self, deadline);
    if (!self->open()) {
        operation.finish();
        co_return self->error(ErrorKind::unavailable, "not connected");
    }
    for (;;) {
        if (auto* arrived = PQnotifies(self->handle())) {
            Notification notification;
            notification.channel = arrived->relname;
            notification.payload = arrived->extra;
            PQfreemem(arrived);
            operation.finish();
            co_return notification;
        }
        if (self->dying() || PQstatus(self->handle()) == CONNECTION_BAD) co_return self->lost();
        auto failure = co_await self->receive();
        if (failure) {
            // Nothing was sent: the connection is as good as before.
            if (failure->kind == ErrorKind::timeout) operation.finish();
            co_return std::move(*failure);
        }
    }
}

// --- the public face -----------------------------------------------------------------------------

// None of these is a coroutine itself: what they return keeps the implementation alive, so it may
// outlive the Connection even before it has run for the first time.

Connection::Connection(asio::any_io_executor executor, ConnectionOptions options)
    : impl_(std::make_shared<Impl>(std::move(executor), std::move(options))) {}

Connection::~Connection() {
    impl_->close();
}

asio::awaitable<DbResult<void>> Connection::connect() {
    return Impl::connect(impl_);
}

bool Connection::connected() const noexcept {
    return impl_->open();
}

bool Connection::idle() noexcept {
    return impl_->idle();
}

void Connection::close() noexcept {
    impl_->close();
}

asio::awaitable<DbResult<Rows>> Connection::query(Statement statement, Params params,
                                                  Deadline deadline) {
    return Impl::query(impl_, statement, std::move(params), deadline);
}

asio::awaitable<DbResult<PipelineResult>> Connection::run(std::string_view name, Pipeline pipeline,
                                                          Deadline deadline) {
    return Impl::run(impl_, std::string(name), std::move(pipeline), deadline);
}

asio::awaitable<DbResult<void>> Connection::execute(std::string sql, Deadline deadline) {
    return Impl::execute(impl_, std::move(sql), deadline);
}

asio::awaitable<DbResult<Notification>> Connection::next_notification(Deadline deadline) {
    return Impl::next_notification(impl_, deadline);
}

int Connection::backend_pid() const noexcept {
    return impl_->backend_pid();
}

std::string uri_mistake(const std::string& uri) {
    if (parse_conninfo(uri, "")) return {};
    return "is neither a PostgreSQL URI nor a list of key=value pairs";
}

}  // namespace subcults::db

#include "support/postgres.hpp"

#include "base/crypto.hpp"
#include "base/log.hpp"
#include "base/time.hpp"
#include "base/uuid.hpp"
#include "schema/schema.hpp"
#include "support/asio_test.hpp"

#include <libpq-fe.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <optional>
#include <stdexcept>
#include <utility>

namespace subcults::test {

namespace {

std::string shell_quoted(std::string_view text) {
    std::string result = "'";
    for (const char c : text) {
        if (c == '\'') {
            result.append("'\\''");
        } else {
            result.push_back(c);
        }
    }
    return result.append("'");
}

// The last line that the command prints on standard output.
std::string output_of(const std::string& command) {
    std::FILE* pipe = ::popen(command.c_str(), "re");
    if (pipe == nullptr) throw std::runtime_error("cannot run " + command);
    std::string output;
    std::array<char, 512> part{};
    while (std::fgets(part.data(), static_cast<int>(part.size()), pipe) != nullptr) {
        output.append(part.data());
    }
    const int status = ::pclose(pipe);
    if (!WIFEXITED(status) || WEXITSTATUS(status) != 0) {
        throw std::runtime_error("this failed: " + command);
    }
    while (!output.empty() && output.back() == '\n')
        output.pop_back();
    return output.substr(output.rfind('\n') + 1);
}

std::string percent_encoded(std::string_view text) {
    static constexpr std::string_view digits = "0123456789ABCDEF";
    std::string result;
    for (const char c : text) {
        const auto byte = static_cast<unsigned char>(c);
        const bool plain = (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') ||
                           (c >= 'a' && c <= 'z') || c == '-' || c == '_' || c == '.' || c == '/';
        if (plain) {
            result.push_back(c);
        } else {
            result.push_back('%');
            result.push_back(digits[byte >> 4U]);
            result.push_back(digits[byte & 15U]);
        }
    }
    return result;
}

// A blocking session: what stands outside must not depend on the code under test.
class Session {
  public:
    explicit Session(const std::string& url) : conn_(PQconnectdb(url.c_str()), &PQfinish) {
        if (PQstatus(conn_.get()) != CONNECTION_OK) {
            throw std::runtime_error(PQerrorMessage(conn_.get()));
        }
        PQsetNoticeProcessor(
            conn_.get(), [](void*, const char*) {}, nullptr);
    }

    std::string execute(const std::string& sql) {
        const std::unique_ptr<PGresult, decltype(&PQclear)> result(PQexec(conn_.get(), sql.c_str()),
                                                                   &PQclear);
        const auto status = PQresultStatus(result.get());
        if (status != PGRES_COMMAND_OK && status != PGRES_TUPLES_OK) {
            throw std::runtime_error(std::string(PQresultErrorMessage(result.get())) + sql);
        }
        if (PQntuples(result.get()) == 0 || PQnfields(result.get()) == 0) return {};
        return PQgetvalue(result.get(), 0, 0);
    }

  private:
    std::unique_ptr<PGconn, decltype(&PQfinish)> conn_;
};

std::string unique_name() {
    auto id = uuid_v7().to_string();
    std::erase(id, '-');
    return "subcults_test_" + id;
}

void migrate_blocking(const std::string& url) {
    run([&url](boost::asio::any_io_executor executor) -> boost::asio::awaitable<void> {
        db::ConnectionOptions options;
        options.uri = url;
        options.application_name = "subcults-test";
        db::Connection connection(executor, std::move(options));
        const auto connected = co_await connection.connect();
        if (!connected) throw std::runtime_error(describe(connected.error()));
        Log log("test", LogLevel::error);
        const auto applied =
            co_await schema::migrate(connection, log, deadline_in(std::chrono::seconds(60)));
        if (!applied) throw std::runtime_error(applied.error());
    });
}

std::string template_name() {
    std::string checksums;
    for (const auto& migration : schema::migrations()) {
        checksums.append(migration.checksum);
    }
    return "subcults_template_" + hex(as_view(sha256(checksums))).substr(0, 24);
}

// Several test processes may want the template at once; it appears under its name when it is done.
void ensure_template(const std::string& server_url, const std::string& name) {
    const std::string exists = "SELECT 1 FROM pg_database WHERE datname = '" + name + "'";
    Session session(server_url);
    if (!session.execute(exists).empty()) return;
    session.execute("SELECT pg_advisory_lock(7021783465092137)");
    if (!session.execute(exists).empty()) return;
    const auto unfinished = name + "_new";
    session.execute("DROP DATABASE IF EXISTS " + unfinished + " WITH (FORCE)");
    session.execute("CREATE DATABASE " + unfinished + " TEMPLATE template0");
    migrate_blocking(with_database(server_url, unfinished));
    session.execute("ALTER DATABASE " + unfinished + " RENAME TO " + name);
}

}  // namespace

std::string with_database(const std::string& url, std::string_view database) {
    char* message = nullptr;
    const std::unique_ptr<PQconninfoOption, decltype(&PQconninfoFree)> options(
        PQconninfoParse(url.c_str(), &message), &PQconninfoFree);
    if (message != nullptr) PQfreemem(message);
    if (!options) throw std::runtime_error("not a connection string: " + url);
    std::string result = "postgresql:///" + percent_encoded(database);
    char separator = '?';
    for (const auto* option = options.get(); option->keyword != nullptr; ++option) {
        if (option->val == nullptr || std::string_view(option->keyword) == "dbname") continue;
        result.push_back(std::exchange(separator, '&'));
        result.append(option->keyword).append("=").append(percent_encoded(option->val));
    }
    return result;
}

// --- servers -------------------------------------------------------------------------------------

TestPostgres::TestPostgres() {
    auto pattern = (std::filesystem::temp_directory_path() / "subcults-pg-test-XXXXXX").string();
    if (::mkdtemp(pattern.data()) == nullptr) {
        throw std::runtime_error("cannot make a directory for a test server");
    }
    // Under root the server is another user, which has to get through to its files.
    ::chmod(pattern.c_str(), 0755);
    directory_ = std::filesystem::path(pattern) / "server";
    // Detached, so that whatever kills the test and its children does not find it.
    const auto clean_up = shell_quoted(SUBCULTS_PRIVATE_POSTGRES) + " stop " +
                          shell_quoted(directory_.string()) + " immediate; rm -rf " +
                          shell_quoted(pattern);
    const auto guard = "setsid -f sh -c " + shell_quoted("read -r done || { " + clean_up + "; }") +
                       " >/dev/null 2>&1";
    guard_ = ::popen(guard.c_str(), "we");
    if (guard_ == nullptr) throw std::runtime_error("cannot guard a test server");
    start();
}

TestPostgres::~TestPostgres() {
    try {
        stop(Stop::immediate);
        std::filesystem::remove_all(directory_.parent_path());
        std::fputs("done\n", guard_);
    } catch (const std::exception& failed) {
        std::fprintf(stderr, "test server: %s\n", failed.what());
    }
    ::pclose(guard_);
}

std::string TestPostgres::script(std::string_view command, std::string_view argument) const {
    std::string line = shell_quoted(SUBCULTS_PRIVATE_POSTGRES);
    line.append(" ").append(command).append(" ").append(shell_quoted(directory_.string()));
    if (!argument.empty()) line.append(" ").append(argument);
    // Its progress belongs to a person at a terminal.
    return output_of(line.append(" 2>/dev/null"));
}

void TestPostgres::start() {
    url_ = script("start");
}

void TestPostgres::stop(Stop mode) {
    script("stop", mode == Stop::fast ? "fast" : "immediate");
}

void TestPostgres::kill() {
    const auto pid = static_cast<pid_t>(std::stol(script("pid")));
    if (::kill(pid, SIGKILL) != 0) throw std::runtime_error("cannot kill the test server");
    // Its sessions notice by themselves; start() waits for the last of them.
}

void TestPostgres::restart() {
    url_ = script("restart");
}

std::string TestPostgres::url(std::string_view database) const {
    return with_database(url_, database);
}

std::string shared_server_url() {
    if (const char* given = std::getenv("SUBCULTS_TEST_DATABASE_URL");
        given != nullptr && *given != '\0') {
        return given;
    }
    static TestPostgres server;
    return server.url();
}

// --- databases -----------------------------------------------------------------------------------

TestDatabase::TestDatabase() : TestDatabase(shared_server_url()) {}

TestDatabase::TestDatabase(const std::string& server_url) : TestDatabase(server_url, "template0") {}

TestDatabase::TestDatabase(std::string server_url, const std::string& from)
    : server_url_(std::move(server_url)),
      name_(unique_name()),
      url_(with_database(server_url_, name_)) {
    Session(server_url_).execute("CREATE DATABASE " + name_ + " TEMPLATE " + from);
}

TestDatabase::TestDatabase(TestDatabase&& other) noexcept
    : server_url_(std::move(other.server_url_)),
      name_(std::exchange(other.name_, {})),
      url_(std::move(other.url_)) {}

TestDatabase::~TestDatabase() {
    if (name_.empty()) return;
    try {
        Session(server_url_).execute("DROP DATABASE IF EXISTS " + name_ + " WITH (FORCE)");
    } catch (const std::exception&) {
        // The test may have stopped the server; its files go as a whole.
    }
}

TestDatabase TestDatabase::migrated() {
    const auto server = shared_server_url();
    const auto name = template_name();
    ensure_template(server, name);
    return TestDatabase(server, name);
}

std::string TestDatabase::execute(const std::string& sql) const {
    return Session(url_).execute(sql);
}

}  // namespace subcults::test

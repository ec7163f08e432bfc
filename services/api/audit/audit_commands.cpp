#include "audit/audit_commands.hpp"

#include "audit/audit_erasure.hpp"
#include "audit/audit_queries.hpp"
#include "audit/audit_writer.hpp"
#include "audit/entry_text.hpp"
#include "audit/export_verifier.hpp"
#include "audit/named_counts.hpp"
#include "auth/jwt.hpp"
#include "config.hpp"
#include "service/cli.hpp"

#include <CLI/CLI.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>

#include <algorithm>
#include <cstdio>
#include <fstream>
#include <functional>
#include <iterator>
#include <limits>
#include <set>

namespace subcults::api {

namespace asio = boost::asio;

namespace {

constexpr int exit_unverified = 3;
constexpr std::chrono::minutes reading_limit{10};
constexpr std::int64_t reading_page = 5000;
constexpr std::int64_t no_limit = std::numeric_limits<std::int64_t>::max() / 2;

int cannot(std::string_view what, const std::string& why) {
    std::fprintf(stderr, "error: %.*s: %s\n", static_cast<int>(what.size()), what.data(),
                 why.c_str());
    return exit_unverified;
}

std::optional<std::string> read_file(const std::string& path) {
    std::ifstream file(path, std::ios::binary);
    if (!file) return std::nullopt;
    std::string text((std::istreambuf_iterator<char>(file)), std::istreambuf_iterator<char>());
    if (file.bad()) return std::nullopt;
    return text;
}

void print(const std::vector<AuditFinding>& findings) {
    for (const AuditFinding& finding : findings) {
        const bool about_one = finding.entity != Uuid{};
        const std::string entity = about_one ? finding.entity.to_string() : "-";
        const std::string seq = finding.seq > 0 ? std::to_string(finding.seq) : "-";
        std::printf("%s %s %s\n", entity.c_str(), seq.c_str(), finding.what.c_str());
    }
}

int conclude(const VerifyReport& report, const std::string& more) {
    print(report.findings);
    const char* verdict = report.broken() ? "broken" : report.sound() ? "sound" : "unverified";
    std::printf("%s: %lld findings; %lld chains, %lld entries (%lld erased)%s%s\n", verdict,
                static_cast<long long>(report.findings.size()),
                static_cast<long long>(report.chains), static_cast<long long>(report.entries),
                static_cast<long long>(report.emptied.actors), more.c_str(),
                report.complete ? "" : "; not everything was looked at");
    if (report.broken()) return service::exit_failed;
    return report.sound() ? service::exit_ok : exit_unverified;
}

db::ConnectionOptions connection_options(const ApiConfig& config) {
    db::ConnectionOptions options;
    options.uri =
        config.database_direct_url.empty() ? config.database_url : config.database_direct_url;
    options.application_name = "subcults-api audit";
    options.settings = {{"statement_timeout", "10min"}, {"jit", "off"}};
    options.statements = audit_statements();
    for (const db::Statement& statement : erasure_statements())
        options.statements.push_back(statement);
    return options;
}

void add_lines(CheckpointVerifier& verifier, std::string_view text) {
    for (std::size_t number = 1; !text.empty(); ++number) {
        const auto end = text.find('\n');
        verifier.add_exported(text.substr(0, end), number);
        text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
    }
}

// What is about a chain may have been found with the chain.
void add_findings(VerifyReport& report, const std::vector<AuditFinding>& more) {
    const std::set<AuditFinding> known(report.findings.begin(), report.findings.end());
    std::copy_if(more.begin(), more.end(), std::back_inserter(report.findings),
                 [&known](const AuditFinding& finding) { return !known.contains(finding); });
}

struct VerifyTask {
    std::optional<Uuid> entity;
    std::optional<std::string> checkpoint_lines;
};

asio::awaitable<int> verify_database(db::Connection& connection, PrivacyKeys& keys,
                                     VerifyTask task) {
    auto connected = co_await connection.connect();
    if (!connected) co_return cannot("the database", connected.error().message);
    auto begun = co_await begin_snapshot(connection, reading_limit);
    if (!begun) co_return cannot("the database", begun.error().message);
    VerifyReport report;
    db::DbResult<void> verified;
    if (task.entity) {
        verified =
            co_await verify_chain(connection, keys, *task.entity, no_limit, reading_limit, report);
    } else {
        verified = co_await verify_all(connection, keys, reading_limit, report);
    }
    if (!verified) co_return cannot("the database", verified.error().message);
    std::string more;
    if (!task.entity || task.checkpoint_lines) {
        CheckpointVerifier checkpoints(keys);
        verified = co_await verify_checkpoints(connection, reading_limit, checkpoints);
        if (!verified) co_return cannot("the database", verified.error().message);
        if (task.checkpoint_lines) add_lines(checkpoints, *task.checkpoint_lines);
        add_findings(report, checkpoints.findings());
        more = ", " + std::to_string(checkpoints.stored()) + " checkpoints (" +
               std::to_string(checkpoints.exported()) + " of them exported)";
    }
    if (task.entity && report.chains == 0) {
        co_return cannot("the entity", "there is no chain of this id");
    }
    connection.close();
    co_return conclude(report, more);
}

int verify_file(PrivacyKeys& keys, const std::string& path, std::optional<Uuid> entity) {
    const auto text = read_file(path);
    if (!text) return cannot("the export", "the file cannot be read");
    const auto read = read_export(*text);
    if (!read) return cannot("the export", read.error());
    return conclude(verify_export(keys, *read, entity), "");
}

asio::awaitable<int> export_chain(db::Connection& connection, PrivacyKeys& keys, Uuid entity,
                                  bool csv) {
    auto connected = co_await connection.connect();
    if (!connected) co_return cannot("the database", connected.error().message);
    auto begun = co_await begin_snapshot(connection, reading_limit);
    if (!begun) co_return cannot("the database", begun.error().message);
    auto head = co_await find_head(connection, entity, reading_limit);
    if (!head) co_return cannot("the database", head.error().message);
    if (csv) std::fputs(csv_header().c_str(), stdout);
    std::int64_t after = std::numeric_limits<std::int64_t>::min();
    bool any = false;
    for (bool more = true; more;) {
        auto entries = co_await read_chain(connection, entity, after, reading_page, reading_limit);
        if (!entries) co_return cannot("the database", entries.error().message);
        for (const StoredEntry& entry : *entries) {
            const std::string line = csv ? entry_csv(entry) : entry_json(entry) + "\n";
            std::fwrite(line.data(), 1, line.size(), stdout);
            after = entry.seq;
            any = true;
        }
        more = static_cast<std::int64_t>(entries->size()) == reading_page;
    }
    if (*head) {
        const ExportHead end = sign_head(keys, entity, **head);
        const std::string line = csv ? head_csv(end) : head_json(end) + "\n";
        std::fwrite(line.data(), 1, line.size(), stdout);
    }
    connection.close();
    if (!any && !*head) co_return cannot("the entity", "there is no chain of this id");
    if (std::fflush(stdout) != 0 || std::ferror(stdout) != 0) {
        std::fprintf(stderr, "error: the export could not be written\n");
        co_return service::exit_failed;
    }
    co_return service::exit_ok;
}

int not_erased(const std::string& why) {
    std::fprintf(stderr, "error: not erased, or not for certain; do it again: %s\n", why.c_str());
    return service::exit_failed;
}

asio::awaitable<int> erase(db::Connection& connection, AuditWriter& writer, PrivacyKeys& keys,
                           std::string did) {
    auto connected = co_await connection.connect();
    if (!connected) co_return not_erased(connected.error().message);
    auto found = co_await find_person(connection, keys, std::move(did), reading_limit);
    if (!found) co_return not_erased(found.error().message);
    const EmptiedEntries counts = found->counts();
    TwoCounts told;
    told.first = counts.actors;
    told.second = counts.targets;
    AuditNote note;
    note.entity_type = audit_log_entity_type;
    note.entity_id = audit_log_entity();
    note.action = "erased";
    note.actor = keys.actor(keys.current_kid(), "operator");
    note.request_id = counts_text(erased_counts, told);
    note.deadline = deadline_in(std::chrono::seconds(10));
    const bool noted = co_await writer.record(std::move(note));
    if (!noted) co_return not_erased("the audit log cannot be written");
    auto erased = co_await erase_entries(connection, *found, reading_limit);
    if (!erased) co_return not_erased(erased.error().message);
    connection.close();
    std::printf("emptied %lld entries by this person and %lld about them\n",
                static_cast<long long>(counts.actors), static_cast<long long>(counts.targets));
    co_return service::exit_ok;
}

// `then` is done on the io_context when the task has ended, however it did.
int finish(asio::io_context& io, asio::awaitable<int> task, const std::function<void()>& then) {
    int status = exit_unverified;
    asio::co_spawn(io, std::move(task), [&status, &then](std::exception_ptr failure, int result) {
        if (failure) {
            std::fprintf(stderr, "error: it ended unexpectedly\n");
        } else {
            status = result;
        }
        then();
    });
    io.run();
    return status;
}

}  // namespace

struct AuditCommands::Options {
    CLI::App* audit = nullptr;
    CLI::App* verify = nullptr;
    CLI::App* exporting = nullptr;
    CLI::App* erasing = nullptr;
    std::string entity;
    std::string checkpoints;
    std::string export_file;
    std::string format = "json";
    std::string did;
};

AuditCommands::AuditCommands(CLI::App& root) : options_(std::make_unique<Options>()) {
    Options& o = *options_;
    ApiConfig shown;
    o.audit = root.add_subcommand("audit", "Verify, export and erase audit entries");
    o.audit->footer("\n" + audit_table(shown, true).help());
    o.audit->require_subcommand(1);
    o.verify = o.audit->add_subcommand("verify", "Is every audit chain what was written?");
    o.verify->add_option("--entity-id", o.entity, "Only the chain of this entity");
    o.verify->add_option("--checkpoints", o.checkpoints, "Compare with this checkpoint file");
    o.verify->add_option("--export", o.export_file,
                         "Verify this exported file instead of the database");
    o.exporting = o.audit->add_subcommand("export", "Write one chain to stdout");
    o.exporting->add_option("--entity-id", o.entity, "Whose chain")->required();
    o.exporting->add_option("--format", o.format, "json (a line per entry) or csv")
        ->check(CLI::IsMember({"json", "csv"}));
    o.erasing = o.audit->add_subcommand("erase", "Empty everything that tells of a person");
    o.erasing->add_option("--did", o.did, "Who")->required();
}

AuditCommands::~AuditCommands() = default;

bool AuditCommands::chosen() const {
    return options_->audit->parsed();
}

int AuditCommands::run() const {
    const Options& o = *options_;
    std::optional<Uuid> entity;
    if (!o.entity.empty()) {
        entity = Uuid::parse(o.entity);
        if (!entity) {
            std::fprintf(stderr, "error: --entity-id must be a UUID\n");
            return service::exit_usage;
        }
    }
    const bool from_file = !o.export_file.empty();
    ApiConfig config;
    if (!service::load_config(audit_table(config, !from_file))) return service::exit_usage;
    PrivacyKeys keys(privacy_secrets(config));
    if (o.verify->parsed() && from_file) return verify_file(keys, o.export_file, entity);

    asio::io_context io{1};
    db::Connection connection(io.get_executor(), connection_options(config));
    if (o.verify->parsed()) {
        VerifyTask task;
        task.entity = entity;
        if (!o.checkpoints.empty()) {
            task.checkpoint_lines = read_file(o.checkpoints);
            if (!task.checkpoint_lines) return cannot("the checkpoints", "the file cannot be read");
        }
        return finish(io, verify_database(connection, keys, std::move(task)), [] {});
    }
    if (o.exporting->parsed()) {
        return finish(io, export_chain(connection, keys, *entity, o.format == "csv"), [] {});
    }
    if (!auth::is_did(o.did)) {
        std::fprintf(stderr, "error: --did must be a DID, for example did:plc:abc\n");
        return service::exit_usage;
    }
    metrics::Registry registry(metrics::Scope::api);
    Log log("audit", LogLevel::warn);
    AuditWriterOptions options;
    options.database_uri = connection_options(config).uri;
    options.privacy_secrets = privacy_secrets(config);
    AuditWriter writer(io, std::move(options), AuditMetrics::make(registry), log);
    writer.start();
    return finish(io, erase(connection, writer, keys, o.did), [&writer] { writer.stop(); });
}

}  // namespace subcults::api

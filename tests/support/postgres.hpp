// Real PostgreSQL for tests: private servers that can be stopped and killed, and empty databases
// in a server that is shared.
//
// The shared server is the one named by SUBCULTS_TEST_DATABASE_URL, else one that the process
// starts when it is first needed and stops at its end. All functions block; errors are
// std::runtime_error.
#pragma once

#include <cstdio>
#include <filesystem>
#include <string>
#include <string_view>

namespace subcults::test {

// A server of the test's own, under a temporary directory, on a Unix socket. It goes away with the
// process even when that is killed.
class TestPostgres {
  public:
    TestPostgres();   // starts it
    ~TestPostgres();  // stops it and removes its files
    TestPostgres(const TestPostgres&) = delete;
    TestPostgres& operator=(const TestPostgres&) = delete;

    void start();
    enum class Stop { fast, immediate };  // immediate = as after a crash
    void stop(Stop mode = Stop::fast);
    // SIGKILL to the server's main process: its sessions end a moment later, without a word.
    void kill();
    void restart();

    std::string url(std::string_view database = "postgres") const;

  private:
    std::string script(std::string_view command, std::string_view argument = {}) const;

    std::filesystem::path directory_;
    std::string url_;             // of the database postgres
    std::FILE* guard_ = nullptr;  // its end without a word makes another process clean up
};

// The URI of the database `postgres` of the shared server.
std::string shared_server_url();

// The same URI with another database.
std::string with_database(const std::string& url, std::string_view database);

// A database with a unique name; dropped at the end, whoever is still connected.
class TestDatabase {
  public:
    TestDatabase();                                        // empty, in the shared server
    explicit TestDatabase(const std::string& server_url);  // empty, in this one
    ~TestDatabase();
    TestDatabase(TestDatabase&& other) noexcept;
    TestDatabase& operator=(TestDatabase&&) = delete;

    // With all of the product's migrations applied. Copies a template that is made once per server
    // and set of migrations, so it costs some 20 ms.
    static TestDatabase migrated();

    const std::string& url() const noexcept { return url_; }
    const std::string& name() const noexcept { return name_; }

    // Runs SQL on a connection of its own and returns the first value of the first row ("" for
    // none): for looking at results from outside the code under test.
    std::string execute(const std::string& sql) const;

  private:
    TestDatabase(std::string server_url, const std::string& template_name);

    std::string server_url_;
    std::string name_;
    std::string url_;
};

}  // namespace subcults::test

#include "base/config.hpp"

#include <catch2/catch.hpp>

#include <sstream>
#include <string>

using namespace subcults;

TEST_CASE("help lists every variable with default and meaning in aligned columns") {
    std::string url;
    std::string dialect;
    Secret key;
    std::int64_t threads = 0;
    HostPort listen;
    ConfigTable table("demo", "A demonstration.");
    table.text("DATABASE_URL", url, {.required = true, .help = "libpq URI"});
    table.secret("KEY", key, {.help = "signs things"});
    table.integer("THREADS", threads, {.fallback = 2, .help = "worker threads"});
    table.choice("DIALECT", dialect,
                 {.fallback = "auto", .choices = {"auto", "v1"}, .help = "wire format"});
    table.host_port("LISTEN", listen, {.fallback = {"0.0.0.0", 8080}, .help = "where to listen"});
    CHECK(table.help() ==
          "  variable      default       meaning\n"
          "  DATABASE_URL  required      libpq URI\n"
          "  KEY           unset         signs things\n"
          "  THREADS       2             worker threads\n"
          "  DIALECT       auto          wire format; one of: auto, v1\n"
          "  LISTEN        0.0.0.0:8080  where to listen\n");
}

TEST_CASE("help stays within 100 columns and loses no word") {
    std::string words;
    for (int i = 0; i < 60; ++i) {
        words.append("word").append(std::to_string(i)).append(i == 59 ? "" : " ");
    }
    std::string a;
    std::string b;
    std::string c;
    ConfigTable table("demo", "");
    table.text("A", a, {.fallback = "x", .help = words});
    table.text("A_VARIABLE_WITH_A_NAME_THAT_IS_MUCH_TOO_LONG_FOR_ITS_COLUMN", b,
               {.fallback = "x", .help = words});
    table.text("C", c,
               {.fallback = "wss://jetstream2.us-east.bsky.network/subscribe", .help = "where"});
    const std::string help = table.help();
    std::istringstream lines(help);
    for (std::string line; std::getline(lines, line);) {
        CHECK(line.size() <= 100);
        CHECK((line.empty() || line.back() != ' '));
    }
    CHECK(help.find("word59") != help.rfind("word59"));
    CHECK(help.find("wss://jetstream2.us-east.bsky.network/subscribe\n") != std::string::npos);
}

TEST_CASE("help never shows a secret, loaded or not") {
    Secret key;
    ConfigTable table("demo", "");
    table.secret("KEY", key, {.required = true, .help = "signs things"});
    const auto errors = table.load(
        [](std::string_view) -> std::optional<std::string> { return "hunter2-very-secret"; });
    CHECK(errors.empty());
    CHECK(table.help().find("hunter2") == std::string::npos);
}

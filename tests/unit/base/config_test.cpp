#include "base/config.hpp"

#include <catch2/catch.hpp>

#include <cstdlib>
#include <map>
#include <string>
#include <type_traits>

using namespace subcults;

namespace {

Environment environment_of(std::map<std::string, std::string> values) {
    return [values = std::move(values)](std::string_view name) -> std::optional<std::string> {
        const auto found = values.find(std::string(name));
        if (found == values.end()) return std::nullopt;
        return found->second;
    };
}

struct Settings {
    std::string database_url = "stale";
    Secret key{"stale"};
    std::int64_t threads = -1;
    std::string dialect = "stale";
    std::vector<std::string> urls{"stale"};
    HostPort listen{"stale", 1};
    bool verbose = true;

    ConfigTable table() {
        ConfigTable table("demo", "A demonstration.");
        table.text("DATABASE_URL", database_url,
                   {.required = true,
                    .help = "libpq URI",
                    .check = [](const std::string& value) -> std::string {
                        return value.find("://") == std::string::npos ? "must be a URI" : "";
                    }});
        table.secret("KEY", key, {.required = true, .min_bytes = 32, .help = "signs things"});
        table.integer("THREADS", threads, {.fallback = 2, .min = 1, .max = 64, .help = "threads"});
        table.choice("DIALECT", dialect, {.fallback = "auto", .choices = {"auto", "v1", "v2"}});
        table.list("URLS", urls,
                   {.fallback = {"a", "b"},
                    .help = "in order",
                    .check_each = [](const std::string& item) -> std::string {
                        return item == "bad" ? "is bad" : "";
                    }});
        table.host_port("LISTEN", listen, {.fallback = {"0.0.0.0", 8080}, .help = "where"});
        table.flag("VERBOSE", verbose, {.fallback = false, .help = "more words"});
        return table;
    }
};

const std::string good_key(32, 'k');
const std::map<std::string, std::string> minimum{{"DATABASE_URL", "postgres:///x"},
                                                 {"KEY", good_key}};

std::map<std::string, std::string> minimum_and(const std::string& name, const std::string& value) {
    auto values = minimum;
    values[name] = value;
    return values;
}

template <class T>
concept Streamable = requires(std::ostream& out, const T& value) {
    out << value;
};

}  // namespace

TEST_CASE("unset variables take their fallbacks") {
    Settings settings;
    const auto errors = settings.table().load(environment_of(minimum));
    CHECK(errors.empty());
    CHECK(settings.database_url == "postgres:///x");
    CHECK(settings.key.reveal() == good_key);
    CHECK(settings.threads == 2);
    CHECK(settings.dialect == "auto");
    CHECK(settings.urls == std::vector<std::string>{"a", "b"});
    CHECK(settings.listen.to_string() == "0.0.0.0:8080");
    CHECK_FALSE(settings.verbose);
}

TEST_CASE("an empty value counts as unset and unknown names are ignored") {
    Settings settings;
    auto values = minimum_and("THREADS", "");
    values["SOMETHING_ELSE"] = "whatever";
    values["LISTEN"] = "";
    CHECK(settings.table().load(environment_of(values)).empty());
    CHECK(settings.threads == 2);
    CHECK(settings.listen.port == 8080);
}

TEST_CASE("set variables are read into what they are bound to") {
    Settings settings;
    auto values = minimum_and("THREADS", "64");
    values["DIALECT"] = "v2";
    values["URLS"] = " wss://one , wss://two,wss://three\t";
    values["LISTEN"] = "[::1]:0";
    values["VERBOSE"] = "Yes";
    CHECK(settings.table().load(environment_of(values)).empty());
    CHECK(settings.threads == 64);
    CHECK(settings.dialect == "v2");
    CHECK(settings.urls == std::vector<std::string>{"wss://one", "wss://two", "wss://three"});
    CHECK(settings.listen.host == "::1");
    CHECK(settings.listen.port == 0);
    CHECK(settings.verbose);
}

TEST_CASE("every mistake is reported at once, in the table's order, without any value") {
    Settings settings;
    const auto errors = settings.table().load(environment_of({
        {"DATABASE_URL", "hunter2-password"},
        {"KEY", "hunter2-short"},
        {"THREADS", "hunter2"},
        {"DIALECT", "hunter2"},
        {"URLS", "fine,,hunter2"},
        {"LISTEN", "hunter2"},
        {"VERBOSE", "hunter2"},
    }));
    REQUIRE(errors.size() == 7);
    const std::vector<std::string> names{"DATABASE_URL", "KEY",    "THREADS", "DIALECT",
                                         "URLS",         "LISTEN", "VERBOSE"};
    for (std::size_t i = 0; i < names.size(); ++i) {
        CHECK(errors[i].variable == names[i]);
    }
    const std::string text = describe(errors);
    CHECK(text.find("hunter2") == std::string::npos);
    CHECK(text ==
          "error: DATABASE_URL: must be a URI\n"
          "error: KEY: must have at least 32 bytes\n"
          "error: THREADS: must be a whole number from 1 to 64\n"
          "error: DIALECT: must be one of: auto, v1, v2\n"
          "error: URLS: item 2 is empty\n"
          "error: LISTEN: must be host:port or [IPv6 address]:port, with a port from 0 to 65535\n"
          "error: VERBOSE: must be true or false (also 1/0, yes/no, on/off)\n");
}

TEST_CASE("required variables that are missing are reported") {
    Settings settings;
    const auto errors = settings.table().load(environment_of({}));
    CHECK(describe(errors) ==
          "error: DATABASE_URL: is required\n"
          "error: KEY: is required\n");
    // Not even a rejected load leaves an old secret behind.
    CHECK(settings.key.empty());
}

TEST_CASE("numbers must be whole, in range and nothing else") {
    for (const char* bad : {"0", "65", "-1", "1.5", "1e1", "0x10", " 4", "4 ", "+4", "4k", "",
                            "99999999999999999999999"}) {
        if (std::string(bad).empty()) continue;
        INFO(bad);
        Settings settings;
        CHECK(settings.table().load(environment_of(minimum_and("THREADS", bad))).size() == 1);
    }
    std::int64_t seconds = 0;
    ConfigTable table("demo", "");
    table.integer("SECONDS", seconds, {.fallback = 5, .min = 0});
    CHECK(describe(table.load(environment_of({{"SECONDS", "-1"}}))) ==
          "error: SECONDS: must be a whole number of at least 0\n");
}

TEST_CASE("a list item that fails its check is named by position") {
    Settings settings;
    const auto errors = settings.table().load(environment_of(minimum_and("URLS", "a,b,bad")));
    CHECK(describe(errors) == "error: URLS: item 3 is bad\n");
    for (const char* bad : {",", "a,", ",a", " ", "a, ,b"}) {
        INFO(bad);
        CHECK(settings.table().load(environment_of(minimum_and("URLS", bad))).size() == 1);
    }
}

TEST_CASE("flags know the usual words") {
    for (const char* yes : {"true", "TRUE", "1", "yes", "on", "On"}) {
        Settings settings;
        CHECK(settings.table().load(environment_of(minimum_and("VERBOSE", yes))).empty());
        CHECK(settings.verbose);
    }
    for (const char* no : {"false", "0", "no", "off", "OFF"}) {
        Settings settings;
        CHECK(settings.table().load(environment_of(minimum_and("VERBOSE", no))).empty());
        CHECK_FALSE(settings.verbose);
    }
}

TEST_CASE("host and port are read with and without brackets") {
    const std::vector<std::pair<std::string, std::string>> good{
        {"0.0.0.0:8080", "0.0.0.0"},
        {"localhost:0", "localhost"},
        {"[::]:9090", "::"},
        {"[2001:db8::1]:65535", "2001:db8::1"},
        {"[fe80::1%eth0]:80", "fe80::1%eth0"},
        {"my_host.example-1.org:443", "my_host.example-1.org"},
    };
    for (const auto& [text, host] : good) {
        INFO(text);
        const auto parsed = HostPort::parse(text);
        REQUIRE(parsed);
        CHECK(parsed->host == host);
        CHECK(parsed->to_string() == text);
    }
    for (const char* bad : {"",
                            ":",
                            "localhost",
                            "localhost:",
                            ":8080",
                            "8080",
                            "localhost:65536",
                            "localhost:-1",
                            "localhost:80a",
                            "localhost: 80",
                            "local host:80",
                            "::1:80",
                            "[::1]",
                            "[::1]80",
                            "[::1]:",
                            "[]:80",
                            "[localhost]:80",
                            "[1.2.3.4]:80",
                            "[::1:80",
                            "http://x:80",
                            "a:b:80",
                            "[::1%]:80",
                            "user@host:80",
                            "host:+80",
                            "host:0x50"}) {
        INFO(bad);
        CHECK_FALSE(HostPort::parse(bad));
    }
}

TEST_CASE("a secret cannot be printed") {
    STATIC_REQUIRE(Streamable<std::string>);
    STATIC_REQUIRE_FALSE(Streamable<Secret>);
    STATIC_REQUIRE_FALSE(std::is_convertible_v<Secret, std::string>);
    STATIC_REQUIRE_FALSE(std::is_convertible_v<Secret, bool>);
    CHECK(Secret().empty());
    CHECK_FALSE(Secret());
    CHECK(Secret("x"));
}

TEST_CASE("the process environment is read when asked") {
    const Environment environment = process_environment();
    REQUIRE(::setenv("SUBCULTS_UNIT_TEST_VARIABLE", "value", 1) == 0);
    CHECK(environment("SUBCULTS_UNIT_TEST_VARIABLE") == "value");
    REQUIRE(::unsetenv("SUBCULTS_UNIT_TEST_VARIABLE") == 0);
    CHECK_FALSE(environment("SUBCULTS_UNIT_TEST_VARIABLE"));
}

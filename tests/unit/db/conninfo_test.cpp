#include "db/conninfo.hpp"

#include "db/connection.hpp"

#include <catch2/catch.hpp>

namespace subcults::db {

namespace {

ConnInfo parsed(const std::string& uri) {
    const auto info = parse_conninfo(uri, "test");
    REQUIRE(info);
    return *info;
}

std::string value_of(const Keywords& keywords, const std::string& key) {
    for (const auto& [name, value] : keywords) {
        if (name == key) return value;
    }
    return "absent";
}

}  // namespace

TEST_CASE("hosts of a list become targets in their order, with their ports") {
    const auto info = parsed("postgresql://u:p@one:1,two:2/db");
    REQUIRE(info.targets.size() == 2);
    CHECK(info.targets[0].host == "one");
    CHECK(info.targets[0].port == "1");
    CHECK(info.targets[1].host == "two");
    CHECK(info.targets[1].port == "2");
    CHECK(value_of(info.keywords, "host") == "absent");
    CHECK(value_of(info.keywords, "password") == "p");
}

TEST_CASE("one port serves all hosts") {
    const auto info = parsed("host=one,two port=7");
    REQUIRE(info.targets.size() == 2);
    CHECK(info.targets[0].port == "7");
    CHECK(info.targets[1].port == "7");
}

TEST_CASE("only names are resolved") {
    const auto needs = [](const std::string& uri) {
        return parsed(uri).targets.front().needs_resolving();
    };
    CHECK(needs("postgresql://db.example/x"));
    CHECK(needs("host=localhost"));
    CHECK_FALSE(needs("postgresql://127.0.0.1/x"));
    CHECK_FALSE(needs("postgresql://[::1]/x"));
    CHECK_FALSE(needs("host=/run/postgresql"));
    CHECK_FALSE(needs("host=@abstract"));
    CHECK_FALSE(needs("host=db.example hostaddr=10.0.0.1"));
    CHECK_FALSE(needs("host="));
}

TEST_CASE("an attempt names the host for TLS and the address to connect to") {
    const auto info = parsed("postgresql://db.example:5433/x?sslmode=verify-full");
    const auto keywords = info.attempt(info.targets.front(), "10.0.0.1", info.rounds.front());
    CHECK(value_of(keywords, "host") == "db.example");
    CHECK(value_of(keywords, "hostaddr") == "10.0.0.1");
    CHECK(value_of(keywords, "port") == "5433");
    CHECK(value_of(keywords, "dbname") == "x");
    CHECK(value_of(keywords, "sslmode") == "verify-full");
}

TEST_CASE("dead peers are found quickly unless the string says otherwise") {
    const auto quick = parsed("host=/tmp").keywords;
    CHECK(value_of(quick, "keepalives_idle") == "5");
    CHECK(value_of(quick, "keepalives_interval") == "2");
    CHECK(value_of(quick, "keepalives_count") == "3");
    CHECK(value_of(quick, "tcp_user_timeout") == "11000");
    CHECK(value_of(quick, "client_encoding") == "UTF8");
    CHECK(value_of(quick, "fallback_application_name") == "test");
    const auto own = parsed("host=/tmp keepalives_idle=60 tcp_user_timeout=0").keywords;
    CHECK(value_of(own, "keepalives_idle") == "60");
    CHECK(value_of(own, "tcp_user_timeout") == "0");
    CHECK(value_of(own, "keepalives_count") == "3");
}

TEST_CASE("a preference for standbys takes two rounds") {
    CHECK(parsed("host=a,b target_session_attrs=prefer-standby").rounds ==
          std::vector<std::string>{"standby", "any"});
    CHECK(parsed("host=a,b target_session_attrs=read-write").rounds ==
          std::vector<std::string>{"read-write"});
    CHECK(parsed("host=a").rounds == std::vector<std::string>{""});
}

TEST_CASE("lists of different lengths are left to libpq's message") {
    const auto info = parsed("host=a,b,c port=1,2");
    REQUIRE(info.targets.size() == 1);
    CHECK(info.targets.front().host == "a,b,c");
    CHECK(info.targets.front().port == "1,2");
    CHECK_FALSE(info.targets.front().needs_resolving());
}

TEST_CASE("what is wrong with a connection string is said without quoting it") {
    CHECK(uri_mistake("postgresql:///x?host=/tmp").empty());
    for (const auto* uri :
         {"postgresql//u:secret@h/db", "postgresql://u:secret@h/db?what=1", "host='secret"}) {
        const auto mistake = uri_mistake(uri);
        CHECK_FALSE(mistake.empty());
        CHECK(mistake.find("secret") == std::string::npos);
    }
}

}  // namespace subcults::db

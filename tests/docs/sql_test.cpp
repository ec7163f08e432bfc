// SQL in the documents runs as printed, on the schema as it is.
#include "docs/printed.hpp"

#include "support/postgres.hpp"

#include <catch2/catch.hpp>

#include <sstream>

using namespace subcults::test;

namespace {

std::vector<std::string> statements(const std::string& name) {
    std::vector<std::string> found;
    for (const std::string& block : blocks(document(name), "sql")) {
        std::istringstream text(block);
        for (std::string statement; std::getline(text, statement, ';');) {
            if (statement.find_first_not_of(" \n") != std::string::npos) found.push_back(statement);
        }
    }
    return found;
}

// What the reader fills in, filled in.
std::string filled(std::string statement) {
    const std::string place = "'…'";
    const std::string id = "'01a202ec-848e-79a5-8d35-4ed1f807e177'";
    for (std::size_t at = statement.find(place); at != std::string::npos;
         at = statement.find(place, at + id.size())) {
        statement.replace(at, place.size(), id);
    }
    return statement;
}

}  // namespace

TEST_CASE("SQL in the documents runs as printed") {
    const TestDatabase database = TestDatabase::migrated();
    for (const auto& [name, least] :
         {std::pair("observability.md", 3), std::pair("privacy.md", 11), std::pair("quality.md", 1),
          std::pair("payments.md", 3), std::pair("reports.md", 1), std::pair("operations.md", 1)}) {
        const auto found = statements(name);
        INFO(name);
        CHECK(found.size() >= static_cast<std::size_t>(least));
        for (const std::string& statement : found) {
            INFO(statement);
            CHECK_NOTHROW(database.execute(filled(statement)));
        }
    }
}

TEST_CASE("people are told of every table, what of them it holds and for how long") {
    const TestDatabase database = TestDatabase::migrated();
    const std::string text = document("privacy.md");
    std::istringstream tables(
        database.execute("SELECT string_agg(relname, ' ') FROM pg_class WHERE relkind IN ('r', 'p')"
                         " AND relnamespace = 'public'::regnamespace AND NOT relispartition"));
    int count = 0;
    for (std::string table; tables >> table; ++count) {
        INFO(table);
        CHECK(text.find("`" + table + "`") != std::string::npos);
    }
    CHECK(count >= 25);
}

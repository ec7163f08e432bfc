#include "audit/checkpoint_verifier.hpp"

#include <catch2/catch.hpp>

#include <limits>

using namespace subcults;
using namespace subcults::api;

namespace {

// Three checkpoints of growing chains, as they are stored and exported.
struct Stored {
    PrivacyKeys keys{{Secret(std::string(32, 'k'))}};
    std::vector<Checkpoint> checkpoints;
    std::vector<std::vector<CheckpointVerifier::Listed>> lists;
    std::vector<std::string> lines;

    Stored() {
        for (std::int64_t number = 1; number <= 3; ++number) {
            std::vector<CheckpointHead> heads;
            std::vector<CheckpointVerifier::Listed> list;
            for (std::uint8_t entity = 0; entity < 2 + number; ++entity) {
                CheckpointHead head;
                head.entity.bytes[0] = static_cast<std::uint8_t>(entity + 1);
                head.seq = number * 10;
                head.hash = std::string(32, static_cast<char>('a' + number));
                heads.push_back(head);
                CheckpointVerifier::Listed listed;
                listed.head = head;
                listed.today = head.hash;
                list.push_back(std::move(listed));
            }
            const Checkpoint* previous = checkpoints.empty() ? nullptr : &checkpoints.back();
            const UnixMicros at{1'766'537'083'000'000 + number * 600'000'000};
            Checkpoint made = make_checkpoint(keys, previous, at, heads);
            lines.push_back(checkpoint_line(made));
            checkpoints.push_back(std::move(made));
            lists.push_back(std::move(list));
        }
    }

    std::string verify() {
        CheckpointVerifier verifier(keys);
        for (std::size_t i = 0; i < checkpoints.size(); ++i)
            verifier.add_stored(checkpoints[i], lists[i]);
        std::size_t number = 0;
        for (const std::string& line : lines)
            verifier.add_exported(line, ++number);
        std::string said;
        for (const AuditFinding& finding : verifier.findings()) {
            if (!said.empty()) said += "; ";
            if (finding.seq > 0) said += std::to_string(finding.seq) + " ";
            said += finding.what;
        }
        return said;
    }
};

bool contains(const std::string& text, std::string_view part) {
    return text.find(part) != std::string::npos;
}

}  // namespace

TEST_CASE_METHOD(Stored, "checkpoints as they were made are sound, with all or some lines") {
    CHECK(verify().empty());
    lines.pop_back();  // an older copy of the file
    CHECK(verify().empty());
    lines.erase(lines.begin());  // the rest of it archived
    CHECK(verify().empty());
}

TEST_CASE_METHOD(Stored, "a line is read back as it was written, and from a log line") {
    for (std::size_t i = 0; i < lines.size(); ++i) {
        const auto read = read_checkpoint_line(lines[i]);
        REQUIRE(read);
        CHECK((*read == checkpoints[i]));
        const std::string logged =
            "{\"level\":\"info\",\"event\":\"audit checkpoint\"," + lines[i].substr(1);
        const auto from_log = read_checkpoint_line(logged);
        REQUIRE(from_log);
        CHECK((*from_log == checkpoints[i]));
    }
    for (const char* bad : {"", "{}", "[1]", "{\"number\":1}", "text"})
        CHECK_FALSE(read_checkpoint_line(bad));
}

TEST_CASE_METHOD(Stored, "a database that was set back lacks what was exported") {
    checkpoints.pop_back();
    lists.pop_back();
    CHECK(contains(verify(), "was exported, but is not in the database, which was set back"));
    CHECK(contains(verify(), "checkpoint 3 ("));
}

TEST_CASE_METHOD(Stored,
                 "a database that was set back and went on differs from what was exported") {
    std::vector<CheckpointHead> others;
    CheckpointVerifier::Listed listed;
    listed.head.seq = 7;
    listed.head.hash = std::string(32, 'z');
    listed.today = listed.head.hash;
    others.push_back(listed.head);
    checkpoints[2] = make_checkpoint(keys, &checkpoints[1], UnixMicros{5}, others);
    lists[2] = {listed};
    CHECK(contains(verify(), "is another one in the database than was exported"));
}

TEST_CASE_METHOD(Stored, "a chain that was cut back lacks the entry that a checkpoint knows") {
    lists[1][1].today.reset();
    CHECK(contains(verify(), "20 checkpoint 2 ("));
    CHECK(contains(verify(), "knows this entry, but it is gone"));
    lists[1][1].today = std::string(32, 'z');
    CHECK(contains(verify(), "knows another entry in this place"));
}

TEST_CASE_METHOD(Stored, "a list that was changed is not what the checkpoint was made of") {
    SECTION("a head removed") {
        lists[1].pop_back();
    }
    SECTION("an older head put in its place") {
        lists[1][0].head.seq = 3;
    }
    SECTION("another hash") {
        lists[1][0].head.hash = std::string(32, 'z');
        lists[1][0].today = lists[1][0].head.hash;
    }
    CHECK(contains(verify(), "the heads listed for checkpoint 2"));
}

TEST_CASE_METHOD(Stored, "numbers and times that no checkpoint of ours has do no harm") {
    Checkpoint planted = checkpoints.back();
    SECTION("the last number there is") {
        planted.number = std::numeric_limits<std::int64_t>::max();
        planted.at = UnixMicros{std::numeric_limits<std::int64_t>::max()};
        checkpoints.push_back(planted);
        lists.emplace_back();
        CHECK(contains(verify(), "checkpoints from 4 to 9223372036854775806 are missing"));
        CHECK(contains(verify(), "in the database has a wrong signature"));
    }
    SECTION("the first one") {
        planted.number = std::numeric_limits<std::int64_t>::min();
        planted.at = UnixMicros{std::numeric_limits<std::int64_t>::min()};
        checkpoints.insert(checkpoints.begin(), planted);
        lists.emplace(lists.begin());
        CHECK(verify() == "checkpoint -9223372036854775808 is none that was ever made");
    }
}

TEST_CASE_METHOD(Stored, "the newest checkpoint is the newest one that is ours") {
    checkpoints[2].signature[0] = static_cast<char>(checkpoints[2].signature[0] ^ 1);
    CheckpointVerifier verifier(keys);
    for (std::size_t i = 0; i < checkpoints.size(); ++i)
        verifier.add_stored(checkpoints[i], lists[i]);
    REQUIRE(verifier.newest());
    CHECK(verifier.newest()->number == 2);
}

TEST_CASE_METHOD(Stored, "what is listed for no checkpoint, or in none, is said") {
    CheckpointVerifier verifier(keys);
    verifier.add_stray(lists[0][0], 77);
    verifier.add_uncovered(lists[0][1].head.entity, 12);
    REQUIRE(verifier.findings().size() == 2);
    CHECK(verifier.findings()[0].what ==
          "the entry is listed for checkpoint 77, which does not exist");
    CHECK(verifier.findings()[0].entity == lists[0][0].head.entity);
    CHECK(verifier.findings()[1].seq == 12);
    CHECK_FALSE(verifier.findings()[1].unjudged);
}

TEST_CASE_METHOD(Stored, "a stored checkpoint can be neither changed nor left out") {
    SECTION("changed") {
        ++checkpoints[1].at.value;
        CHECK(contains(verify(), "in the database has a wrong signature"));
    }
    SECTION("left out") {
        checkpoints.erase(checkpoints.begin() + 1);
        lists.erase(lists.begin() + 1);
        CHECK(contains(verify(), "checkpoints from 2 to 2 are missing in the database"));
    }
    SECTION("signed with another key") {
        checkpoints[1].kid ^= 1;
        CHECK(contains(verify(), "was signed with a key that is not configured"));
    }
}

TEST_CASE_METHOD(Stored, "a line that was changed or taken out of the file is found") {
    SECTION("changed") {
        const auto at = lines[1].find("\"heads\":4");
        REQUIRE(at != std::string::npos);
        lines[1][at + 8] = '5';
        CHECK(verify() == "line 2 of the checkpoint file has a wrong signature");
    }
    SECTION("no checkpoint") {
        lines[1] = "{}";
        CHECK(verify() == "line 2 of the checkpoint file is no checkpoint");
    }
    SECTION("taken out") {
        lines.erase(lines.begin() + 1);
        CHECK(verify() == "line 2 of the checkpoint file has checkpoint 3 after 1");
    }
    SECTION("swapped") {
        std::swap(lines[1], lines[2]);
        CHECK(contains(verify(), "line 2 of the checkpoint file has checkpoint 3 after 1"));
    }
}

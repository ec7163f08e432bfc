// The whole way: a browser measures, the real API takes it across origins, and it becomes rows,
// alerts and answers.
#include "integration/api/running_api.hpp"
#include "support/skip.hpp"

#include <catch2/catch.hpp>

#include <csignal>
#include <cstdlib>
#include <optional>
#include <sstream>

using namespace subcults::test;

namespace {

std::optional<std::string> path_of_chromium() {
    if (const char* named = std::getenv("SUBCULTS_CHROMIUM")) return named;
    const char* path = std::getenv("PATH");
    std::istringstream folders(path != nullptr ? path : "");
    for (std::string folder; std::getline(folders, folder, ':');) {
        for (const char* name : {"chromium", "chromium-browser", "google-chrome"}) {
            const std::string full = folder + "/" + name;
            if (!folder.empty() && std::filesystem::exists(full)) return full;
        }
    }
    return std::nullopt;
}

std::string percent_encoded(const std::string& text) {
    static const char* digits = "0123456789ABCDEF";
    std::string encoded;
    for (const char c : text) {
        const bool plain =
            (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
        if (plain) {
            encoded += c;
            continue;
        }
        const auto byte = static_cast<unsigned char>(c);
        encoded += '%';
        encoded += digits[byte / 16];
        encoded += digits[byte % 16];
    }
    return encoded;
}

// `more` is JSON to go with it, beginning with a comma.
std::string person(const std::string& name, const std::string& end, const std::string& more = "") {
    return "{\"name\":\"" + name + "\",\"end\":\"" + end + "\",\"tokens\":[\"" +
           RunningApi::token("did:plc:" + name) + "\"]" + more + "}";
}

// A headless browser with a fake microphone. Ends with the object; its profile goes with it.
class Browser {
  public:
    Browser(const std::string& chromium, const std::string& url)
        : process_(
              {chromium, "--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage",
               "--use-fake-ui-for-media-stream", "--use-fake-device-for-media-stream",
               "--autoplay-policy=no-user-gesture-required", "--allow-loopback-in-peer-connection",
               "--no-first-run", "--no-default-browser-check", "--disable-background-networking",
               "--disable-component-update", "--disable-sync", "--disable-crash-reporter",
               std::string("--user-data-dir=").append(profile_.path().string()), url},
              {{"HOME", profile_.path().string()}}) {}

    // Asked first, it takes its other processes with it; the profile can be removed after that.
    ~Browser() {
        if (process_.running()) process_.signal(SIGTERM);
        try {
            process_.wait(std::chrono::seconds(10));
        } catch (const std::runtime_error&) {
            // The process's own end kills it.
        }
    }
    Browser(const Browser&) = delete;
    Browser& operator=(const Browser&) = delete;

  private:
    TemporaryDirectory profile_;
    Process process_;
};

// The page's server, and what the page has told it.
class Page {
  public:
    std::string origin() {
        return std::string("http://127.0.0.1:").append(std::to_string(server_.listening_port()));
    }
    bool said(const std::string& text) const {
        return server_.output().find(text) != std::string::npos;
    }
    std::string everything() const { return server_.output(); }
    void wait_for(const std::string& text) const {
        eventually(
            "the page says " + text,
            [&] {
                if (said("\"event\":\"failed\"")) throw std::runtime_error(everything());
                return said(text);
            },
            std::chrono::seconds(90));
    }

  private:
    Process server_{{SUBCULTS_SOURCE_DIR "/tests/web/browser/page-server"}, {}};
};

}  // namespace

TEST_CASE("what a browser measures becomes rows, alerts and answers") {
    const auto chromium = path_of_chromium();
    if (!chromium) {
        report_skipped("Chromium is not installed (Debian's package chromium; SUBCULTS_CHROMIUM)");
        return;
    }
    Page page;
    const std::string origin = page.origin();
    const TestDatabase database = TestDatabase::migrated();
    // Collections happen when the test asks for them.
    RunningApi api(database.url(),
                   {{"API_CORS_ORIGINS", origin}, {"QUALITY_COLLECT_INTERVAL_SECONDS", "0"}});
    const std::string stream = create_stream(database, api, "did:plc:host");
    const std::string path = "/streams/" + stream;
    auto client = api.client();
    for (const char* name : {"host", "listener", "unlucky"}) {
        const std::string did = std::string("did:plc:") + name;
        REQUIRE(client.post(path + "/join", RunningApi::as(did)).status == 200);
    }

    const std::string plan =
        std::string("{\"api\":\"http://127.0.0.1:").append(std::to_string(api.port())) +
        "\",\"stream\":\"" + stream + "\",\"seconds\":25,\"people\":[" + person("host", "sender") +
        "," + person("listener", "receiver") + "," + person("unlucky", "receiver", ",\"loss\":20") +
        "]}";
    const Browser browser(*chromium, origin + "/page.html?plan=" + percent_encoded(plan));
    page.wait_for("\"event\":\"done\"");
    INFO(page.everything());
    CHECK_FALSE(page.said("\"event\":\"rejected\""));
    CHECK_FALSE(page.said("\"event\":\"error\""));

    const Headers host = RunningApi::as("did:plc:host");
    const Answer collected = client.post(path + "/quality-metrics/collect", host);
    INFO(collected.body);
    REQUIRE(collected.status == 200);
    const auto summary = collected.json();
    CHECK(summary["participants"].GetInt64() == 3);
    CHECK(summary["metrics_recorded"].GetInt64() == 3);
    CHECK(summary["alerts_triggered"].GetInt64() >= 1);

    const auto count = [&](const std::string& condition) {
        return database.execute(
            "SELECT count(*) FROM stream_quality_metrics WHERE stream_session_id = '" + stream +
            "' AND " + condition);
    };
    CHECK(count("measured_at BETWEEN now() - interval '2 minutes' AND now()") == "3");
    const std::string sound =
        "bitrate_kbps BETWEEN 5 AND 150 AND audio_level > 0 "
        "AND rtt_ms BETWEEN 0 AND 300 AND jitter_ms BETWEEN 0 AND 100 AND ";
    CHECK(count(sound + "uplink AND NOT muted AND packet_loss_percent < 5") == "1");
    CHECK(count(sound + "NOT uplink AND packet_loss_percent < 5") == "1");
    CHECK(count(sound + "NOT uplink AND packet_loss_percent BETWEEN 15 AND 25") == "1");

    CHECK(client.get(path + "/quality-metrics?limit=10", host).json()["count"].GetInt64() == 3);
    const Answer losing = client.get(path + "/quality-metrics/high-packet-loss", host);
    CHECK(losing.json()["count"].GetInt64() == 1);
    CHECK(api.metric("stream_high_packet_loss_total") == 1);
    CHECK(api.metric("stream_quality_alerts_total") >= 1);
    CHECK(api.metric("stream_audio_bitrate_kbps_count") == 3);

    // The next report learns that it is over.
    REQUIRE(client.post(path + "/end", host).status == 200);
    page.wait_for("\"name\":\"host\",\"reason\":\"ended\"");
    page.wait_for("\"name\":\"unlucky\",\"reason\":\"ended\"");
}

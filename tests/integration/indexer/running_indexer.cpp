#include "integration/indexer/running_indexer.hpp"

#include "openapi/held_to.hpp"
#include "sim/generator.hpp"

#include <cstdlib>
#include <fstream>

namespace subcults::test {

RunningSim::RunningSim(std::vector<std::string> options) {
    const std::filesystem::path port_file = directory_.path() / "port";
    std::vector<std::string> arguments{program("jetstream-sim"), "--listen", "127.0.0.1:0",
                                       "--port-file", port_file.string()};
    arguments.insert(arguments.end(), options.begin(), options.end());
    process_ = std::make_unique<Process>(arguments, Process::Environment{});
    eventually("jetstream-sim listens", [&] {
        if (!process_->running()) throw std::runtime_error(process_->output());
        return std::filesystem::exists(port_file);
    });
    std::ifstream file(port_file);
    file >> port_;
}

std::string RunningSim::url() const {
    return "ws://127.0.0.1:" + std::to_string(port_) + "/subscribe";
}

void RunningSim::append(const std::string& lines) {
    const Answer answer = HttpClient(port_).post("/control/append", {}, lines);
    if (answer.status / 100 != 2) throw std::runtime_error("append failed: " + answer.body);
}

void RunningSim::control(const std::string& target) const {
    const Answer answer = HttpClient(port_).post("/control/" + target);
    if (answer.status != 200) throw std::runtime_error(target + " failed: " + answer.body);
}

void RunningSim::drop_connections() {
    control("drop");
}

void RunningSim::silence_connections() {
    eventually("a connection is silenced", [this] {
        control("silence");
        return stat("half_open") > 0;
    });
}

void RunningSim::stall() {
    control("stall");
}
void RunningSim::resume() {
    control("resume");
}

void RunningSim::refuse(unsigned status, std::optional<int> retry_after, int count) {
    std::string target =
        "refuse?status=" + std::to_string(status) + "&count=" + std::to_string(count);
    if (retry_after) target += "&retry_after=" + std::to_string(*retry_after);
    control(target);
}

void RunningSim::forget(std::int64_t before_us) {
    control("forget?before_us=" + std::to_string(before_us));
}

void RunningSim::damage(int count) {
    control("damage?count=" + std::to_string(count));
}

void RunningSim::regress(int by, bool again) {
    control("regress?by=" + std::to_string(by) + (again ? "&again=true" : ""));
}

std::int64_t RunningSim::stat(const char* name) const {
    return HttpClient(port_).get("/control/stats").json()[name].GetInt64();
}

std::vector<SeenRequest> RunningSim::requests() const {
    const auto document = HttpClient(port_).get("/control/requests").json();
    std::vector<SeenRequest> requests;
    for (const auto& entry : document.GetArray()) {
        SeenRequest seen;
        seen.query = entry["query"].GetString();
        if (entry["cursor"].IsInt64()) seen.cursor = entry["cursor"].GetInt64();
        seen.user_agent = entry["user_agent"].GetString();
        seen.socket_encoding = entry["socket_encoding"].GetString();
        seen.status = entry["status"].GetUint();
        requests.push_back(std::move(seen));
    }
    return requests;
}

std::optional<std::int64_t> RunningSim::last_cursor() const {
    const auto seen = requests();
    return seen.empty() ? std::nullopt : seen.back().cursor;
}

std::int64_t RunningSim::published() const {
    return stat("published");
}
std::int64_t RunningSim::connections_total() const {
    return stat("connections_total");
}

RunningIndexer::RunningIndexer(const std::string& database_url, const std::string& jetstream_url,
                               Process::Environment extra, const std::string& binary)
    : contract_(Contract::load(SUBCULTS_OPENAPI_DIR "/subcults-indexer.json")) {
    Process::Environment variables{{"DATABASE_URL", database_url},
                                   {"INDEXER_LISTEN", "127.0.0.1:0"},
                                   {"JETSTREAM_URL", jetstream_url},
                                   {"JETSTREAM_COLLECTIONS", "*"}};
    for (auto& [name, value] : extra)
        variables[name] = value;
    process_ = std::make_unique<Process>(std::vector{program(binary)}, variables);
    port_ = process_->listening_port();
}

HttpClient RunningIndexer::client() const {
    return HttpClient(port_, held_to(contract_));
}

Outcome run_indexer(const TestDatabase& database, std::vector<std::string> arguments,
                    Process::Environment extra) {
    arguments.insert(arguments.begin(), program("subcults-indexer"));
    extra["DATABASE_URL"] = database.url();
    Process process(std::move(arguments), std::move(extra));
    const int status = process.wait();
    return {status, process.output()};
}

std::vector<std::string> generated_frames(std::uint64_t seed, std::size_t dids, std::size_t count) {
    sim::GeneratorOptions options;
    options.seed = seed;
    options.dids = dids;
    sim::Generator generator(options);
    std::vector<std::string> frames;
    std::int64_t time_us = 1'783'175'888'000'000;
    for (std::size_t i = 0; i < count; ++i) {
        time_us += 1000;
        frames.push_back(generator.next(time_us).frame);
    }
    return frames;
}

std::string write_lines(const std::filesystem::path& file, const std::vector<std::string>& lines) {
    std::ofstream out(file, std::ios::binary);
    for (const std::string& line : lines)
        out << line << '\n';
    out.close();
    if (!out) throw std::runtime_error("cannot write " + file.string());
    return file.string();
}

std::filesystem::path real_events_file() {
    std::filesystem::path shared = SUBCULTS_SOURCE_DIR "/../shared/data";
    if (const char* given = std::getenv("SUBCULTS_SHARED_DATA")) shared = given;
    const auto file = shared / "jetstream" / "real_v1_events.jsonl";
    return std::filesystem::exists(file) ? file : std::filesystem::path();
}

}  // namespace subcults::test

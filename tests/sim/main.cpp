#include "base/build_info.hpp"
#include "base/log.hpp"
#include "sim/feed.hpp"
#include "sim/publisher.hpp"
#include "sim/server.hpp"

#include <boost/asio.hpp>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <chrono>
#include <csignal>
#include <cstdio>
#include <exception>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

namespace {

namespace asio = boost::asio;
using namespace subcults;
using namespace subcults::sim;

struct Arguments {
    std::string listen = "127.0.0.1:6008";
    std::string port_file;
    std::string file;
    bool loop = false;
    bool generate = false;
    std::optional<double> rate;
    std::uint64_t seed = 1;
    std::size_t dids = 500;
    std::uint64_t events = 0;
    std::optional<std::int64_t> start_time;
    std::optional<std::int64_t> step;
    std::string start = "on-subscribe";
    std::size_t retention = 200'000;
    std::int64_t ping_seconds = 30;
};

void declare(CLI::App& app, Arguments& arguments) {
    app.add_option("--listen", arguments.listen, "Address and port; port 0 = any free one")
        ->capture_default_str();
    app.add_option("--port-file", arguments.port_file,
                   "Write the port here once connections are accepted");
    auto* file = app.add_option("--file", arguments.file,
                                "Publish this file's lines, byte for byte, one event per line");
    app.add_flag("--loop", arguments.loop,
                 "Begin the file again at its end, each pass with later time_us and rev: updates "
                 "rather than repeats")
        ->needs(file);
    auto* generate =
        app.add_flag("--generate", arguments.generate, "Publish made-up Subcults records");
    generate->excludes(file);
    app.add_option("--rate", arguments.rate,
                   "Events per second; 0 = as fast as the subscribers take them (default: 0 with "
                   "--file, 50 with --generate)")
        ->check(CLI::NonNegativeNumber);
    app.add_option("--seed", arguments.seed, "Which world to generate")->capture_default_str();
    app.add_option("--dids", arguments.dids, "How many people the world has")
        ->capture_default_str();
    app.add_option("--events", arguments.events, "Stop generating after so many; 0 = never")
        ->capture_default_str();
    app.add_option("--start-time", arguments.start_time,
                   "Stamp generated events from this time on (Unix microseconds) instead of with "
                   "the clock: the feed is then the same every time");
    app.add_option("--step", arguments.step,
                   "Microseconds between such stamps (default: by the rate, else 1000)")
        ->check(CLI::PositiveNumber);
    app.add_option("--start", arguments.start,
                   "When to begin: on-subscribe = with the first subscriber, now")
        ->check(CLI::IsMember({"on-subscribe", "now"}))
        ->capture_default_str();
    app.add_option("--retention", arguments.retention, "Events kept for replay")
        ->check(CLI::PositiveNumber)
        ->capture_default_str();
    app.add_option("--ping-seconds", arguments.ping_seconds, "Between pings; 0 = none")
        ->check(CLI::NonNegativeNumber)
        ->capture_default_str();
    const BuildInfo& build = build_info();
    app.set_version_flag("--version", "jetstream-sim " + std::string(build.version) + " (" +
                                          std::string(build.revision) + ")");
}

// host:port, [v6]:port
ServerOptions server_options(const Arguments& arguments) {
    ServerOptions options;
    const std::size_t colon = arguments.listen.rfind(':');
    if (colon == std::string::npos) throw std::invalid_argument("--listen: expected host:port");
    options.address = arguments.listen.substr(0, colon);
    if (options.address.starts_with('[') && options.address.ends_with(']')) {
        options.address = options.address.substr(1, options.address.size() - 2);
    }
    if (options.address == "localhost") options.address = "127.0.0.1";
    std::size_t used = 0;
    const std::string port = arguments.listen.substr(colon + 1);
    const unsigned long number = port.empty() ? 65'536 : std::stoul(port, &used);
    if (used != port.size() || number > 65'535) {
        throw std::invalid_argument("--listen: the port is not a number up to 65535");
    }
    options.port = static_cast<std::uint16_t>(number);
    options.retention = arguments.retention;
    options.ping_interval = std::chrono::seconds(arguments.ping_seconds);
    return options;
}

std::vector<std::string> read_lines(const std::string& path) {
    std::ifstream file(path, std::ios::binary);
    if (!file) throw std::runtime_error("--file: cannot read " + path);
    std::vector<std::string> lines;
    for (std::string line; std::getline(file, line);)
        lines.push_back(std::move(line));
    return lines;
}

std::unique_ptr<Feed> make_feed(const Arguments& arguments, double rate) {
    if (!arguments.file.empty()) {
        return std::make_unique<FileFeed>(read_lines(arguments.file), arguments.loop);
    }
    if (!arguments.generate) return nullptr;
    GeneratorFeedOptions options;
    options.generator.seed = arguments.seed;
    options.generator.dids = arguments.dids;
    options.events = arguments.events;
    options.start_time_us = arguments.start_time;
    const auto paced = static_cast<std::int64_t>(rate > 0 ? 1e6 / rate : 1000);
    options.step_us = arguments.step.value_or(std::max<std::int64_t>(paced, 1));
    return std::make_unique<GeneratorFeed>(options);
}

// Written beside and renamed: a reader sees either nothing or the whole number.
void write_port_file(const std::string& path, std::uint16_t port) {
    const std::string temporary = path + ".tmp";
    {
        std::ofstream file(temporary, std::ios::trunc);
        file << port << '\n';
        if (!file.flush()) throw std::runtime_error("--port-file: cannot write " + temporary);
    }
    std::filesystem::rename(temporary, path);
}

int run(const Arguments& arguments) {
    Log log("jetstream-sim", LogLevel::info);
    asio::io_context context(1);
    const double rate = arguments.rate.value_or(arguments.generate ? 50.0 : 0.0);
    std::unique_ptr<Feed> feed = make_feed(arguments, rate);
    Server server(context, server_options(arguments), log);
    PublisherOptions publishing;
    publishing.rate = rate;
    publishing.start_now = arguments.start == "now";
    Publisher publisher(context, server, std::move(feed), publishing);

    asio::signal_set signals(context, SIGINT, SIGTERM);
    auto on_signal = [&](boost::system::error_code error, int) {
        if (error) return;
        log.info("stopping");
        publisher.stop();
        server.stop();
    };
    signals.async_wait(std::move(on_signal));

    auto rethrow = [](std::exception_ptr failure) {
        if (failure) std::rethrow_exception(failure);
    };
    auto accepting = server.run();
    asio::co_spawn(context, std::move(accepting), rethrow);
    auto feeding = publisher.run();
    asio::co_spawn(context, std::move(feeding), rethrow);
    if (!arguments.port_file.empty()) write_port_file(arguments.port_file, server.port());
    log.info("listening", {{"port", server.port()}});
    context.run();
    return 0;
}

}  // namespace

int main(int argc, char** argv) {
    Arguments arguments;
    CLI::App app("A Jetstream v1 server that replays a file or makes events up.", "jetstream-sim");
    declare(app, arguments);
    try {
        app.parse(argc, argv);
    } catch (const CLI::ParseError& error) {
        const int code = app.exit(error);
        return code == 0 ? 0 : 2;
    }
    try {
        return run(arguments);
    } catch (const std::exception& error) {
        std::cerr << "jetstream-sim: " << error.what() << '\n';
        return 1;
    }
}

#include "base/log.hpp"
#include "sim/arguments.hpp"
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
    CLI::App app(
        "A Jetstream server (v1 wire) that replays a file or makes events up, and fails on "
        "request: "
        "POST /control/{append,drop,stall,silence,resume,refuse,forget,damage,regress}, "
        "GET /control/{stats,requests}.",
        "jetstream-sim");
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

#include "sim/arguments.hpp"

#include "base/build_info.hpp"

#include <CLI/CLI.hpp>
#include <chrono>
#include <fstream>
#include <iterator>
#include <stdexcept>

namespace subcults::sim {
namespace {

std::string read_file(const char* option, const std::string& path) {
    std::ifstream file(path, std::ios::binary);
    std::string content((std::istreambuf_iterator<char>(file)), std::istreambuf_iterator<char>());
    if (!file || content.empty()) {
        throw std::runtime_error(std::string(option) + ": cannot read " + path);
    }
    return content;
}

}  // namespace

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
    app.add_option("--zstd-dictionary", arguments.zstd_dictionary,
                   "Offer compress=true with this dictionary; without one it is answered with 400")
        ->excludes(
            app.add_flag("--v2-host", arguments.v2_host,
                         "Be a v2 server's /subscribe: each event has a rising `cursor`, up to 16 "
                         "share one time_us, a cursor below 1e15 is such a number"));
    app.add_option("--first-seq", arguments.first_seq, "On a v2 host: the first event's number")
        ->check(CLI::PositiveNumber)
        ->capture_default_str();
    app.add_option("--segment-events", arguments.segment_events,
                   "On a v2 host: events per segment. A time cursor that is newer than the last "
                   "full one goes back to where the active one starts; 0 = it does not")
        ->capture_default_str();
    app.add_option("--shuffle-window", arguments.shuffle_window,
                   "Replays change the order of different DIDs within so many events and repeat a "
                   "few; 0 = never")
        ->capture_default_str();
    app.add_option("--shuffle-seed", arguments.shuffle_seed, "Which order these take")
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
    if (!arguments.zstd_dictionary.empty()) {
        options.zstd_dictionary = read_file("--zstd-dictionary", arguments.zstd_dictionary);
    }
    options.v2_host = arguments.v2_host;
    options.first_seq = arguments.first_seq;
    options.segment_events = arguments.segment_events;
    options.shuffle_window = arguments.shuffle_window;
    options.shuffle_seed = arguments.shuffle_seed;
    return options;
}

}  // namespace subcults::sim

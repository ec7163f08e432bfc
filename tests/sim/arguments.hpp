// The command line of jetstream-sim.
#pragma once

#include "sim/server.hpp"

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>

namespace CLI {
class App;
}

namespace subcults::sim {

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
    std::string zstd_dictionary;
    bool v2_host = false;
    std::int64_t first_seq = 1;
    std::uint64_t segment_events = 4096;
    std::size_t shuffle_window = 0;
    std::uint64_t shuffle_seed = 1;
};

void declare(CLI::App& app, Arguments& arguments);

// Reads the dictionary. Throws std::invalid_argument or std::runtime_error with a text for people.
ServerOptions server_options(const Arguments& arguments);

}  // namespace subcults::sim

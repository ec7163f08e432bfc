#include "jetstream/frame_decompressor.hpp"
#include "sim/running_server.hpp"
#include "support/zstd_frames.hpp"

#include <catch2/catch.hpp>
#include <stdexcept>
#include <string>
#include <vector>

using namespace subcults;
using namespace subcults::sim;
using namespace subcults::sim::test;

namespace {

constexpr std::size_t limit = 1024 * 1024;

ServerOptions with_dictionary() {
    ServerOptions options;
    options.zstd_dictionary = subcults::test::make_zstd_dictionary(40'001);
    return options;
}

jetstream::FrameDecompressor decompressor() {
    auto made =
        jetstream::FrameDecompressor::make(subcults::test::make_zstd_dictionary(40'001), limit);
    REQUIRE(made.has_value());
    return std::move(*made);
}

}  // namespace

TEST_CASE("With a dictionary whoever asks for it gets one zstd frame per message") {
    const auto all = lines(100);
    Running sim(nullptr, with_dictionary());
    request(sim.port(), http::verb::post, "/control/append", joined(all));
    jetstream::FrameDecompressor zstd = decompressor();
    for (const bool by_header : {false, true}) {
        Client client(sim.port(), by_header ? "cursor=1" : "cursor=1&compress=true",
                      by_header ? "zstd" : "");
        REQUIRE_FALSE(client.error());
        std::size_t bytes = 0;
        for (const std::string& line : all) {
            const auto message = client.read();
            REQUIRE(message.has_value());
            CHECK(client.binary());
            bytes += message->size();
            const auto text = zstd.decompress(*message);
            REQUIRE(text.has_value());
            CHECK(*text == line);
        }
        CHECK(bytes < joined(all).size());
    }
    CHECK(reaches(sim.port(), "sent_compressed", 200));
}

TEST_CASE("With a dictionary others still get text") {
    Running sim(nullptr, with_dictionary());
    request(sim.port(), http::verb::post, "/control/append", line(1));
    for (const std::string query : {"cursor=1", "cursor=1&compress=false"}) {
        Client client(sim.port(), query);
        CHECK(client.read() == line(1));
        CHECK_FALSE(client.binary());
    }
    CHECK(stat(sim.port(), "sent_compressed") == 0);
}

TEST_CASE("With compression the size limit is one of compressed bytes") {
    Running sim(nullptr, with_dictionary());
    const std::string repetitive = R"({"did":"did:plc:a","time_us":1783175888000000,"pad":")" +
                                   std::string(5'000, 'x') + "\"}";
    request(sim.port(), http::verb::post, "/control/append", joined({repetitive, line(2)}));
    Client text(sim.port(), "cursor=1&maxMessageSizeBytes=1000");
    CHECK(text.read() == line(2));
    Client binary(sim.port(), "cursor=1&maxMessageSizeBytes=1000&compress=true");
    const auto message = binary.read();
    REQUIRE(message.has_value());
    jetstream::FrameDecompressor zstd = decompressor();
    const auto unpacked = zstd.decompress(*message);
    REQUIRE(unpacked.has_value());
    CHECK(*unpacked == repetitive);
}

TEST_CASE("Damaged copies go out on request, and the good frames all the same") {
    Running sim(nullptr, with_dictionary());
    CHECK(request(sim.port(), http::verb::post, "/control/damage", R"({"count":2})").status == 200);
    request(sim.port(), http::verb::post, "/control/append", joined(lines(3)));
    Client client(sim.port(), "cursor=1&compress=true");
    jetstream::FrameDecompressor zstd = decompressor();
    std::vector<std::string> good;
    std::size_t damaged = 0;
    for (const std::string& message : client.read(5)) {
        const auto text = zstd.decompress(message);
        if (text.has_value()) good.emplace_back(*text);
        if (!text.has_value()) ++damaged;
    }
    CHECK(good == lines(3));
    CHECK(damaged == 2);
    CHECK(stat(sim.port(), "damaged") == 2);
    Running plain;
    CHECK(request(plain.port(), http::verb::post, "/control/damage").status == 400);
}

TEST_CASE("A server is not started with a dictionary that is none") {
    ServerOptions options;
    options.port = 0;
    options.zstd_dictionary = "not a dictionary";
    boost::asio::io_context context;
    Log log("sim", LogLevel::off);
    CHECK_THROWS_AS(Server(context, options, log), std::invalid_argument);
}

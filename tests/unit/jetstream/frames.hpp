// Frames for the decoder's tests: a good one of each kind, and the real ones where they are.
#pragma once

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

namespace subcults::jetstream::test {

inline constexpr std::string_view did = "did:plc:z72i7hdynmk6r22z27h6tvur";
inline constexpr std::string_view cid =
    "bafyreiguce4jh7kcbmof3pmcvasifqtw24b6isakj5ve5ga2b4z4alpc4i";

inline std::string commit_frame(std::string_view record = R"({"$type":"tv.subcult.scene"})") {
    std::string frame =
        R"({"did":"did:plc:z72i7hdynmk6r22z27h6tvur","time_us":1783175888085434,"kind":"commit",)"
        R"("commit":{"rev":"3mptbypluud2a","operation":"create","collection":"tv.subcult.scene",)"
        R"("rkey":"3mptbyplj5d2a","record":)";
    frame.append(record);
    frame.append(R"(,"cid":"bafyreiguce4jh7kcbmof3pmcvasifqtw24b6isakj5ve5ga2b4z4alpc4i"}})");
    return frame;
}

inline std::string identity_frame() {
    return R"({"did":"did:plc:z72i7hdynmk6r22z27h6tvur","time_us":1783175888085434,)"
           R"("kind":"identity","identity":{"did":"did:plc:z72i7hdynmk6r22z27h6tvur",)"
           R"("handle":"ana.subcult.tv","seq":1409752997,"time":"2026-07-04T14:38:08.085Z"}})";
}

inline std::string account_frame() {
    return R"({"did":"did:plc:z72i7hdynmk6r22z27h6tvur","time_us":1783175888085434,)"
           R"("kind":"account","account":{"active":false,)"
           R"("did":"did:plc:z72i7hdynmk6r22z27h6tvur","seq":1409753013,"status":"deactivated",)"
           R"("time":"2026-07-04T14:38:08.085Z"}})";
}

// The first occurrence of `from` replaced; the test is wrong when there is none.
inline std::string replaced(std::string text, std::string_view from, std::string_view to) {
    const std::size_t at = text.find(from);
    if (at == std::string::npos) throw std::logic_error("nothing to replace: " + std::string(from));
    return text.replace(at, from.size(), to);
}

inline std::vector<std::string> read_lines(const std::filesystem::path& path) {
    std::vector<std::string> lines;
    std::ifstream file(path);
    for (std::string line; std::getline(file, line);)
        lines.push_back(line);
    return lines;
}

// Events as a public server sent them; empty when the data is not on this machine.
inline std::vector<std::string> real_frames() {
    constexpr std::string_view name = "real_v1_events.jsonl";
    std::vector<std::filesystem::path> folders;
    if (const char* configured = std::getenv("SUBCULTS_SHARED_DATA")) {
        folders.emplace_back(configured);
        folders.push_back(std::filesystem::path(configured) / "jetstream");
    }
    folders.push_back(std::filesystem::path(SUBCULTS_SOURCE_DIR) / "../shared/data/jetstream");
    for (const std::filesystem::path& folder : folders) {
        std::error_code ignored;
        if (std::filesystem::exists(folder / name, ignored)) return read_lines(folder / name);
    }
    return {};
}

}  // namespace subcults::jetstream::test

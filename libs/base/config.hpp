// Configuration: one declared table per program. The table reads the environment, reports every
// mistake at once, and is the only source of `--help`.
//
//     ConfigTable table("subcults-api", "Streaming API of Subcults.");
//     table.text("DATABASE_URL", config.database_url, {.required = true, .help = "libpq URI"});
//     if (auto errors = table.load(process_environment()); !errors.empty()) { … exit 2 }
//
// Messages never repeat a value (a connection URI may hold a password); variables that the table
// does not name are ignored. Not thread-safe; used once at start. The bound variables must outlive
// the table.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <limits>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace subcults {

// A configured secret. It has no stream operator and no formatter: printing it does not compile.
class Secret {
  public:
    Secret() = default;
    explicit Secret(std::string value) : value_(std::move(value)) {}
    bool empty() const noexcept { return value_.empty(); }
    explicit operator bool() const noexcept { return !empty(); }
    // The name is long on purpose: every use is found by searching for it.
    const std::string& reveal() const noexcept { return value_; }

  private:
    std::string value_;
};

struct HostPort {
    std::string host;
    std::uint16_t port = 0;

    // `host:port` as the table reads it; an IPv6 host is printed in brackets.
    std::string to_string() const;
    static std::optional<HostPort> parse(std::string_view text);
};

struct ConfigError {
    std::string variable;
    std::string message;  // never contains a secret's value
};

// Looks a variable up; nullopt = unset. An empty value counts as unset.
using Environment = std::function<std::optional<std::string>(std::string_view name)>;
Environment process_environment();

struct TextOption {
    std::string fallback = {};
    bool required = false;
    std::string help = {};
    // Returns a message for a value that will not do, an empty one otherwise.
    std::function<std::string(const std::string&)> check = {};
};
struct SecretOption {
    bool required = false;
    std::size_t min_bytes = 0;
    std::string help = {};
    // As in TextOption; the message must not repeat the value.
    std::function<std::string(const std::string&)> check = {};
};
struct IntegerOption {
    std::int64_t fallback = 0;
    std::int64_t min = 0;
    std::int64_t max = std::numeric_limits<std::int64_t>::max();
    std::string help = {};
};
struct ChoiceOption {
    std::string fallback = {};
    std::vector<std::string> choices = {};
    std::string help = {};
};
struct ListOption {
    std::vector<std::string> fallback = {};
    std::string help = {};
    std::function<std::string(const std::string&)> check_each = {};
};
struct HostPortOption {
    HostPort fallback = {};
    std::string help = {};
};
struct FlagOption {
    bool fallback = false;
    std::string help = {};
};

class ConfigTable {
  public:
    ConfigTable(std::string program, std::string summary);

    ConfigTable& text(std::string name, std::string& into, TextOption option);
    ConfigTable& secret(std::string name, Secret& into, SecretOption option);
    // A list of them, like list(); the option is about each.
    ConfigTable& secrets(std::string name, std::vector<Secret>& into, SecretOption option);
    ConfigTable& integer(std::string name, std::int64_t& into, IntegerOption option);
    ConfigTable& choice(std::string name, std::string& into, ChoiceOption option);
    // Comma separated; blanks around items are dropped, empty items are an error.
    ConfigTable& list(std::string name, std::vector<std::string>& into, ListOption option);
    // `host:port`, `[v6]:port`; port 0 = any free port.
    ConfigTable& host_port(std::string name, HostPort& into, HostPortOption option);
    // true/false, 1/0, yes/no, on/off.
    ConfigTable& flag(std::string name, bool& into, FlagOption option);

    // Fills every bound variable (fallbacks included) and returns all mistakes together.
    std::vector<ConfigError> load(const Environment& environment) const;

    // The text of --help below the usage line: every variable with default and meaning.
    std::string help() const;

    const std::string& program() const noexcept { return program_; }
    const std::string& summary() const noexcept { return summary_; }

  private:
    struct Entry {
        std::string name;
        std::string fallback;  // as --help shows it
        std::string help;
        std::function<std::optional<std::string>(const std::optional<std::string>&)> read;
    };
    ConfigTable& add(Entry entry);

    std::string program_;
    std::string summary_;
    std::vector<Entry> entries_;
};

// "error: NAME: message" lines, one per mistake, for stderr before exit status 2.
std::string describe(const std::vector<ConfigError>& errors);

}  // namespace subcults

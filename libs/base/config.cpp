#include "base/config.hpp"

#include <arpa/inet.h>

#include <algorithm>
#include <charconv>
#include <cstdlib>
#include <system_error>

namespace subcults {

namespace {

std::string joined(const std::vector<std::string>& items) {
    std::string out;
    for (const std::string& item : items) {
        if (!out.empty()) out.append(", ");
        out.append(item);
    }
    return out;
}

template <class Integer>
std::optional<Integer> parse_integer(std::string_view text) noexcept {
    Integer value{};
    const char* end = text.data() + text.size();
    const auto [stopped, error] = std::from_chars(text.data(), end, value);
    if (error != std::errc{} || stopped != end) return std::nullopt;
    return value;
}

std::string_view trimmed(std::string_view text) noexcept {
    const std::size_t first = text.find_first_not_of(" \t");
    if (first == std::string_view::npos) return {};
    return text.substr(first, text.find_last_not_of(" \t") - first + 1);
}

std::optional<bool> parse_flag(std::string_view text) {
    std::string lower(text);
    std::transform(lower.begin(), lower.end(), lower.begin(), [](char c) {
        return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
    });
    if (lower == "true" || lower == "1" || lower == "yes" || lower == "on") return true;
    if (lower == "false" || lower == "0" || lower == "no" || lower == "off") return false;
    return std::nullopt;
}

bool is_ipv6(std::string_view text) {
    // A zone ("fe80::1%eth0") is for the resolver; only the address is checked here.
    const std::size_t percent = text.find('%');
    if (percent != std::string_view::npos && percent + 1 == text.size()) return false;
    const std::string address(text.substr(0, percent));
    in6_addr parsed{};
    return ::inet_pton(AF_INET6, address.c_str(), &parsed) == 1;
}

bool is_host_name(std::string_view text) noexcept {
    if (text.empty() || text.size() > 253) return false;
    return std::all_of(text.begin(), text.end(), [](char c) {
        return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
               c == '-' || c == '.' || c == '_';
    });
}

using Check = std::function<std::string(const std::string&)>;

// Items between commas, without blanks around them; a message when one will not do.
std::optional<std::string> split_list(std::string_view rest, const Check& check,
                                      std::vector<std::string>& items) {
    for (;;) {
        const std::size_t comma = rest.find(',');
        std::string item(trimmed(rest.substr(0, comma)));
        const std::string position = "item " + std::to_string(items.size() + 1) + " ";
        if (item.empty()) return position + "is empty";
        if (check) {
            if (const std::string message = check(item); !message.empty()) {
                return position + message;
            }
        }
        items.push_back(std::move(item));
        if (comma == std::string_view::npos) return std::nullopt;
        rest.remove_prefix(comma + 1);
    }
}

Check secret_check(const SecretOption& option) {
    return [min_bytes = option.min_bytes, check = option.check](const std::string& value) {
        if (value.size() < min_bytes) {
            return "must have at least " + std::to_string(min_bytes) + " bytes";
        }
        return check ? check(value) : std::string();
    };
}

}  // namespace

Environment process_environment() {
    return [](std::string_view name) -> std::optional<std::string> {
        const char* value = std::getenv(std::string(name).c_str());
        if (value == nullptr) return std::nullopt;
        return std::string(value);
    };
}

std::string HostPort::to_string() const {
    const bool v6 = host.find(':') != std::string::npos;
    return (v6 ? "[" + host + "]" : host) + ":" + std::to_string(port);
}

std::optional<HostPort> HostPort::parse(std::string_view text) {
    std::string_view host;
    std::string_view port;
    if (!text.empty() && text.front() == '[') {
        const std::size_t close = text.find("]:");
        if (close == std::string_view::npos) return std::nullopt;
        host = text.substr(1, close - 1);
        port = text.substr(close + 2);
        if (!is_ipv6(host)) return std::nullopt;
    } else {
        const std::size_t colon = text.find(':');
        if (colon == std::string_view::npos) return std::nullopt;
        host = text.substr(0, colon);
        port = text.substr(colon + 1);
        if (!is_host_name(host)) return std::nullopt;
    }
    const auto number = parse_integer<std::uint16_t>(port);
    if (!number) return std::nullopt;
    return HostPort{std::string(host), *number};
}

ConfigTable::ConfigTable(std::string program, std::string summary)
    : program_(std::move(program)), summary_(std::move(summary)) {}

ConfigTable& ConfigTable::add(Entry entry) {
    entries_.push_back(std::move(entry));
    return *this;
}

ConfigTable& ConfigTable::text(std::string name, std::string& into, TextOption option) {
    std::string shown = option.required ? "required" : option.fallback;
    std::string help = std::move(option.help);
    auto read = [&into, fallback = std::move(option.fallback), required = option.required,
                 check = std::move(option.check)](
                    const std::optional<std::string>& value) -> std::optional<std::string> {
        if (!value) {
            into = fallback;
            if (required) return "is required";
            return std::nullopt;
        }
        if (check) {
            if (std::string message = check(*value); !message.empty()) return message;
        }
        into = *value;
        return std::nullopt;
    };
    return add({std::move(name), std::move(shown), std::move(help), std::move(read)});
}

ConfigTable& ConfigTable::secret(std::string name, Secret& into, SecretOption option) {
    std::string shown = option.required ? "required" : "unset";
    auto read = [&into, required = option.required, check = secret_check(option)](
                    const std::optional<std::string>& value) -> std::optional<std::string> {
        if (!value) {
            into = Secret();
            if (required) return "is required";
            return std::nullopt;
        }
        if (std::string message = check(*value); !message.empty()) return message;
        into = Secret(*value);
        return std::nullopt;
    };
    return add({std::move(name), std::move(shown), std::move(option.help), std::move(read)});
}

ConfigTable& ConfigTable::secrets(std::string name, std::vector<Secret>& into,
                                  SecretOption option) {
    std::string shown = option.required ? "required" : "unset";
    auto read = [&into, required = option.required, check = secret_check(option)](
                    const std::optional<std::string>& value) -> std::optional<std::string> {
        into.clear();
        if (!value) {
            if (required) return "is required";
            return std::nullopt;
        }
        std::vector<std::string> items;
        if (auto message = split_list(*value, check, items)) return message;
        for (std::string& item : items)
            into.emplace_back(std::move(item));
        return std::nullopt;
    };
    return add({std::move(name), std::move(shown), std::move(option.help), std::move(read)});
}

ConfigTable& ConfigTable::integer(std::string name, std::int64_t& into, IntegerOption option) {
    auto read = [&into, fallback = option.fallback, min = option.min, max = option.max](
                    const std::optional<std::string>& value) -> std::optional<std::string> {
        if (!value) {
            into = fallback;
            return std::nullopt;
        }
        const auto number = parse_integer<std::int64_t>(*value);
        if (!number || *number < min || *number > max) {
            std::string message = "must be a whole number of at least " + std::to_string(min);
            if (max != std::numeric_limits<std::int64_t>::max()) {
                message = "must be a whole number from " + std::to_string(min) + " to " +
                          std::to_string(max);
            }
            return message;
        }
        into = *number;
        return std::nullopt;
    };
    return add({std::move(name), std::to_string(option.fallback), std::move(option.help),
                std::move(read)});
}

ConfigTable& ConfigTable::choice(std::string name, std::string& into, ChoiceOption option) {
    std::string help = std::move(option.help);
    help.append(help.empty() ? "one of: " : "; one of: ").append(joined(option.choices));
    std::string shown = option.fallback;
    auto read = [&into, fallback = std::move(option.fallback), choices = std::move(option.choices)](
                    const std::optional<std::string>& value) -> std::optional<std::string> {
        if (!value) {
            into = fallback;
            return std::nullopt;
        }
        if (std::find(choices.begin(), choices.end(), *value) == choices.end()) {
            return "must be one of: " + joined(choices);
        }
        into = *value;
        return std::nullopt;
    };
    return add({std::move(name), std::move(shown), std::move(help), std::move(read)});
}

ConfigTable& ConfigTable::list(std::string name, std::vector<std::string>& into,
                               ListOption option) {
    std::string shown;
    for (const std::string& item : option.fallback) {
        if (!shown.empty()) shown.push_back(',');
        shown.append(item);
    }
    std::string help = std::move(option.help);
    auto read = [&into, fallback = std::move(option.fallback),
                 check = std::move(option.check_each)](
                    const std::optional<std::string>& value) -> std::optional<std::string> {
        if (!value) {
            into = fallback;
            return std::nullopt;
        }
        std::vector<std::string> items;
        if (auto message = split_list(*value, check, items)) return message;
        into = std::move(items);
        return std::nullopt;
    };
    return add({std::move(name), std::move(shown), std::move(help), std::move(read)});
}

ConfigTable& ConfigTable::host_port(std::string name, HostPort& into, HostPortOption option) {
    std::string shown = option.fallback.host.empty() ? "" : option.fallback.to_string();
    auto read = [&into, fallback = std::move(option.fallback)](
                    const std::optional<std::string>& value) -> std::optional<std::string> {
        if (!value) {
            into = fallback;
            return std::nullopt;
        }
        auto parsed = HostPort::parse(*value);
        if (!parsed) return "must be host:port or [IPv6 address]:port, with a port from 0 to 65535";
        into = std::move(*parsed);
        return std::nullopt;
    };
    return add({std::move(name), std::move(shown), std::move(option.help), std::move(read)});
}

ConfigTable& ConfigTable::flag(std::string name, bool& into, FlagOption option) {
    auto read = [&into, fallback = option.fallback](
                    const std::optional<std::string>& value) -> std::optional<std::string> {
        if (!value) {
            into = fallback;
            return std::nullopt;
        }
        const auto parsed = parse_flag(*value);
        if (!parsed) return "must be true or false (also 1/0, yes/no, on/off)";
        into = *parsed;
        return std::nullopt;
    };
    return add({std::move(name), option.fallback ? "true" : "false", std::move(option.help),
                std::move(read)});
}

std::vector<ConfigError> ConfigTable::load(const Environment& environment) const {
    std::vector<ConfigError> errors;
    for (const Entry& entry : entries_) {
        std::optional<std::string> value = environment(entry.name);
        if (value && value->empty()) value.reset();
        if (auto message = entry.read(value)) {
            errors.push_back({entry.name, std::move(*message)});
        }
    }
    return errors;
}

std::string describe(const std::vector<ConfigError>& errors) {
    std::string out;
    for (const ConfigError& error : errors) {
        out.append("error: ")
            .append(error.variable)
            .append(": ")
            .append(error.message)
            .append("\n");
    }
    return out;
}

}  // namespace subcults

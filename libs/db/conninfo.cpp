#include "db/conninfo.hpp"

#include <libpq-fe.h>
#include <boost/asio/ip/address.hpp>

#include <algorithm>
#include <array>
#include <cstdlib>
#include <map>
#include <memory>
#include <string_view>

namespace subcults::db {

namespace {

struct FreeOptions {
    void operator()(PQconninfoOption* options) const noexcept { PQconninfoFree(options); }
};

std::vector<std::string> split(const std::string& list) {
    std::vector<std::string> items;
    std::size_t from = 0;
    for (;;) {
        const auto comma = list.find(',', from);
        items.push_back(list.substr(from, comma - from));
        if (comma == std::string::npos) return items;
        from = comma + 1;
    }
}

std::string environment(const char* name) {
    const char* value = std::getenv(name);
    return value == nullptr ? std::string() : std::string(value);
}

std::string take(std::map<std::string, std::string>& options, const std::string& key) {
    const auto node = options.extract(key);
    return node.empty() ? std::string() : node.mapped();
}

std::vector<Target> targets_of(const std::string& hosts, const std::string& addresses,
                               const std::string& ports) {
    Target whole;
    whole.host = hosts;
    whole.address = addresses;
    whole.port = ports;
    const auto host_list = split(hosts);
    const auto address_list = split(addresses);
    const auto port_list = split(ports);
    const std::size_t count = addresses.empty() ? host_list.size() : address_list.size();
    const bool hosts_fit = hosts.empty() || host_list.size() == count;
    const bool ports_fit = port_list.size() == 1 || port_list.size() == count;
    // Lists of different lengths: libpq has the message for that.
    if (!hosts_fit || !ports_fit) return {whole};
    std::vector<Target> targets;
    for (std::size_t i = 0; i < count; ++i) {
        Target target;
        if (!hosts.empty()) target.host = host_list[i];
        if (!addresses.empty()) target.address = address_list[i];
        target.port = port_list.size() == 1 ? port_list.front() : port_list[i];
        targets.push_back(std::move(target));
    }
    return targets;
}

constexpr std::array<std::pair<std::string_view, std::string_view>, 6> defaults{{
    {"keepalives", "1"},
    {"keepalives_idle", "5"},
    {"keepalives_interval", "2"},
    {"keepalives_count", "3"},
    {"tcp_user_timeout", "11000"},
    {"gssencmode", "disable"},
}};

}  // namespace

bool Target::needs_resolving() const {
    if (!address.empty() || host.empty() || host.front() == '/' || host.front() == '@')
        return false;
    if (host.find(',') != std::string::npos) return false;
    boost::system::error_code not_literal;
    boost::asio::ip::make_address(host, not_literal);
    return static_cast<bool>(not_literal);
}

std::optional<ConnInfo> parse_conninfo(const std::string& uri,
                                       const std::string& application_name) {
    char* message = nullptr;
    const std::unique_ptr<PQconninfoOption, FreeOptions> parsed(
        PQconninfoParse(uri.c_str(), &message));
    if (message != nullptr) PQfreemem(message);
    if (!parsed) return std::nullopt;

    std::map<std::string, std::string> options;
    for (const auto* option = parsed.get(); option->keyword != nullptr; ++option) {
        if (option->val != nullptr) options.emplace(option->keyword, option->val);
    }
    for (const auto& [key, value] : defaults) {
        options.emplace(key, value);
    }
    options["client_encoding"] = "UTF8";
    options.emplace("fallback_application_name", application_name);

    ConnInfo info;
    // A service file may name the hosts: then libpq has to read it, and to resolve them.
    const bool service = options.contains("service") || !environment("PGSERVICE").empty();
    auto hosts = take(options, "host");
    auto addresses = take(options, "hostaddr");
    if (hosts.empty() && addresses.empty() && !service) {
        hosts = environment("PGHOST");
        addresses = environment("PGHOSTADDR");
    }
    auto ports = take(options, "port");
    if (ports.empty() && !service) ports = environment("PGPORT");
    info.targets = targets_of(hosts, addresses, ports);

    const auto wanted = take(options, "target_session_attrs");
    if (wanted == "prefer-standby") {
        info.rounds = {"standby", "any"};
    } else {
        info.rounds = {wanted};
    }
    info.keywords.assign(options.begin(), options.end());
    return info;
}

Keywords ConnInfo::attempt(const Target& target, const std::string& address,
                           const std::string& round) const {
    Keywords result = keywords;
    const auto add = [&result](const char* key, const std::string& value) {
        if (!value.empty()) result.emplace_back(key, value);
    };
    add("host", target.host);
    add("hostaddr", address);
    add("port", target.port);
    add("target_session_attrs", round);
    return result;
}

}  // namespace subcults::db

// A connection string taken apart: which servers it names, in what order to try them, and the
// keywords for each attempt. libpq resolves names and walks lists of hosts too, but it blocks the
// thread for the first and has no time limit per host for the second.
#pragma once

#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace subcults::db {

// One server as the connection string names it. Empty parts are libpq's business.
struct Target {
    std::string host;
    std::string address;  // hostaddr
    std::string port;

    // True for a host name: not for a socket directory, a literal address or a given hostaddr.
    bool needs_resolving() const;
};

using Keywords = std::vector<std::pair<std::string, std::string>>;

struct ConnInfo {
    std::vector<Target> targets;  // never empty
    Keywords keywords;            // everything but host, hostaddr, port and target_session_attrs
    // Values of target_session_attrs, one round over all targets for each; "" = libpq's default.
    std::vector<std::string> rounds;

    // The complete keyword list for one attempt.
    Keywords attempt(const Target& target, const std::string& address,
                     const std::string& round) const;
};

// Adds what a service wants unless the string says otherwise: UTF-8, quick detection of dead
// peers (keepalives after 5 s, 3 probes 2 s apart, 11 s for unacknowledged data), no Kerberos
// encryption (looking for a ticket blocks), and the name for pg_stat_activity.
// nullopt = not a libpq connection string. (libpq's message may quote a password: not passed on.)
std::optional<ConnInfo> parse_conninfo(const std::string& uri, const std::string& application_name);

}  // namespace subcults::db

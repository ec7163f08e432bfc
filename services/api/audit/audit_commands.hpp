// `subcults-api audit verify|export|erase`: what an operator does with the audit log.
//
// verify  recomputes every chain (of the database, or of an exported file) and the checkpoints; a
//         line per finding: entity, entry, what. Exit status 0 = sound, 1 = broken, 2 = usage,
//         3 = could not be verified (no database, unreadable file, a key that is not configured, an
//         export without an end or without a chain) and nothing that was looked at is broken.
// export  writes one chain to stdout, complete enough to be verified elsewhere with the keys.
// erase   empties a person's entries.
#pragma once

#include <memory>

namespace CLI {
class App;
}

namespace subcults::api {

class AuditCommands {
  public:
    // Adds the subcommands to `root`, which must outlive this.
    explicit AuditCommands(CLI::App& root);
    ~AuditCommands();
    AuditCommands(const AuditCommands&) = delete;
    AuditCommands& operator=(const AuditCommands&) = delete;

    bool chosen() const;
    int run() const;

  private:
    struct Options;
    std::unique_ptr<Options> options_;
};

}  // namespace subcults::api

// A process that stands still until it is told to go on, or this goes away. A server's backend that
// is halted is a connection that says nothing and does not end.
#pragma once

#include <signal.h>
#include <sys/types.h>
#include <stdexcept>

namespace subcults::test {

class Halted {
  public:
    // One of our own user's; throws std::runtime_error.
    explicit Halted(pid_t pid) : pid_(pid) {
        if (::kill(pid_, SIGSTOP) != 0) throw std::runtime_error("cannot halt the process");
    }
    ~Halted() { go_on(); }
    Halted(const Halted&) = delete;
    Halted& operator=(const Halted&) = delete;

    void go_on() {
        if (pid_ != 0) ::kill(pid_, SIGCONT);
        pid_ = 0;
    }

  private:
    pid_t pid_;
};

}  // namespace subcults::test

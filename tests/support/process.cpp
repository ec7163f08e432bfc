#include "support/process.hpp"

#include "support/sanitized.hpp"

#include <fcntl.h>
#include <poll.h>
#include <sys/wait.h>
#include <unistd.h>
#include <algorithm>
#include <csignal>
#include <cstdlib>
#include <fstream>
#include <sstream>
#include <stdexcept>

namespace subcults::test {

namespace {

// Where machines are shared, everything takes longer: the gate waits longer (deploy/local/test.sh).
int patience() {
    const char* const given = std::getenv("SUBCULTS_TEST_PATIENCE");
    return given == nullptr ? 1 : std::clamp(std::atoi(given), 1, 10);
}

// Between two looks at a condition: a sixteenth of the time that it has been waited for, because a
// look often is a connection and a query, and others want the processors too.
void take_a_breath(std::chrono::steady_clock::duration waited) {
    using std::chrono::milliseconds;
    const auto wait = std::chrono::duration_cast<milliseconds>(waited) / 16;
    ::poll(nullptr, 0,
           static_cast<int>(std::clamp(wait, milliseconds(5), milliseconds(100)).count()));
}

}  // namespace

void eventually(const std::string& what, const std::function<bool()>& condition,
                std::chrono::milliseconds limit) {
    // A shorter one is what the test demands; this one is only there for it to end.
    if (limit >= std::chrono::seconds(30)) limit *= patience();
    const auto begin = std::chrono::steady_clock::now();
    while (!condition()) {
        const auto waited = std::chrono::steady_clock::now() - begin;
        if (waited > limit) throw std::runtime_error("did not happen in time: " + what);
        take_a_breath(waited);
    }
}

TemporaryDirectory::TemporaryDirectory() {
    std::string pattern = (std::filesystem::temp_directory_path() / "subcults-XXXXXX").string();
    if (::mkdtemp(pattern.data()) == nullptr) throw std::runtime_error("mkdtemp failed");
    path_ = pattern;
}

TemporaryDirectory::~TemporaryDirectory() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
}

Process::Process(std::vector<std::string> arguments, Environment environment) {
    // Everything the child needs is made before fork: after it only system calls are safe.
    const std::string log = (directory_.path() / "log").string();
    if (const char* path = std::getenv("PATH")) environment.emplace("PATH", path);
    for (const char* name : {"ASAN_OPTIONS", "UBSAN_OPTIONS", "TSAN_OPTIONS", "LSAN_OPTIONS"}) {
        if (const char* value = std::getenv(name)) environment.emplace(name, value);
    }
    std::vector<std::string> variables;
    for (const auto& [name, value] : environment)
        variables.push_back(name + "=" + value);
    std::vector<char*> argv;
    for (std::string& argument : arguments)
        argv.push_back(argument.data());
    argv.push_back(nullptr);
    std::vector<char*> envp;
    for (std::string& variable : variables)
        envp.push_back(variable.data());
    envp.push_back(nullptr);

    pid_ = ::fork();
    if (pid_ < 0) throw std::runtime_error("fork failed");
    if (pid_ == 0) {
        const int out = ::open(log.c_str(), O_WRONLY | O_CREAT | O_APPEND, 0600);
        const int in = ::open("/dev/null", O_RDONLY);
        ::dup2(in, 0);
        ::dup2(out, 1);
        ::dup2(out, 2);
        ::execve(argv[0], argv.data(), envp.data());
        ::_exit(127);
    }
}

Process::~Process() {
    if (running()) kill();
}

void Process::signal(int number) const {
    ::kill(pid_, number);
}

void Process::kill() {
    signal(SIGKILL);
    wait();
}

bool Process::running() {
    if (status_) return false;
    int status = 0;
    const pid_t ended = ::waitpid(pid_, &status, WNOHANG);
    if (ended == 0) return true;
    status_ = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
    return false;
}

int Process::wait(std::chrono::milliseconds limit) {
    eventually(
        "the process ends", [this] { return !running(); }, limit);
    return *status_;
}

std::string Process::output() const {
    std::ifstream file(directory_.path() / "log");
    std::ostringstream text;
    text << file.rdbuf();
    return text.str();
}

std::size_t Process::resident_bytes() const {
    std::ifstream file("/proc/" + std::to_string(pid_) + "/statm");
    std::size_t total = 0;
    std::size_t resident = 0;
    file >> total >> resident;
    return resident * static_cast<std::size_t>(::sysconf(_SC_PAGESIZE));
}

std::uint16_t Process::listening_port() {
    std::string line;
    eventually("the service listens", [&] {
        if (!running()) throw std::runtime_error("the process has ended:\n" + output());
        const std::string text = output();
        const std::size_t at = text.find("\"event\":\"listening\"");
        if (at == std::string::npos) return false;
        const std::size_t end = text.find('\n', at);
        if (end == std::string::npos) return false;
        line = text.substr(at, end - at);
        return true;
    });
    const std::string field = "\"port\":";
    return static_cast<std::uint16_t>(std::stoi(line.substr(line.find(field) + field.size())));
}

std::string program(const std::string& name) {
    // Tools of the tests themselves are built in one way only.
    if (const char* folder = sanitized_programs(); folder && name.starts_with("subcults-")) {
        return std::string(folder) + "/" + name;
    }
    return SUBCULTS_PROGRAMS "/" + name;
}

}  // namespace subcults::test

#include "metrics/process_metrics.hpp"

#include "base/build_info.hpp"
#include "metrics/catalogue.hpp"

#include <array>
#include <charconv>
#include <cstddef>
#include <limits>
#include <string>

#include <dirent.h>
#include <fcntl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

namespace subcults::metrics {
namespace {

// Files under /proc have no size; this reads what there is, up to a limit.
std::string read_proc(const char* path) {
    constexpr std::size_t limit = 1024 * 1024;
    std::string text;
    const int fd = ::open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) return text;
    std::array<char, 4096> block;
    while (text.size() < limit) {
        const ssize_t got = ::read(fd, block.data(), block.size());
        if (got <= 0) break;
        text.append(block.data(), static_cast<std::size_t>(got));
    }
    ::close(fd);
    return text;
}

std::optional<double> count_open_fds() noexcept {
    // Since Linux 6.2 the size of the directory is the answer; with tens of thousands of
    // connections, listing it would be the dearest part of a scrape.
    struct stat facts {};
    if (::stat("/proc/self/fd", &facts) == 0 && facts.st_size > 0) {
        return static_cast<double>(facts.st_size);
    }
    DIR* directory = ::opendir("/proc/self/fd");
    if (directory == nullptr) return std::nullopt;
    double count = -1;  // the descriptor of this very listing
    while (const dirent* entry = ::readdir(directory)) {
        if (entry->d_name[0] != '.') ++count;
    }
    ::closedir(directory);
    return count;
}

std::optional<double> max_open_fds() noexcept {
    rlimit limit{};
    if (::getrlimit(RLIMIT_NOFILE, &limit) != 0) return std::nullopt;
    if (limit.rlim_cur == RLIM_INFINITY) return std::numeric_limits<double>::infinity();
    return static_cast<double>(limit.rlim_cur);
}

double ticks_per_second() noexcept {
    return static_cast<double>(::sysconf(_SC_CLK_TCK));
}

}  // namespace

std::optional<ProcessStat> parse_process_stat(std::string_view line) noexcept {
    // pid (command) state ppid …: the command may hold blanks and brackets, so its end is the last
    // bracket of the line. Fields are numbered from 1 as in proc(5); the next one is number 3.
    const std::size_t bracket = line.rfind(')');
    if (bracket == std::string_view::npos) return std::nullopt;
    line.remove_prefix(bracket + 1);

    ProcessStat stat;
    int field = 2;
    while (field < 24) {
        const std::size_t begin = line.find_first_not_of(' ');
        if (begin == std::string_view::npos) return std::nullopt;
        line.remove_prefix(begin);
        const std::string_view word = line.substr(0, line.find(' '));
        line.remove_prefix(word.size());
        if (++field == 3) continue;  // the state is a letter
        double value = 0;
        const auto [end, error] = std::from_chars(word.data(), word.data() + word.size(), value);
        if (error != std::errc{} || end == word.data()) return std::nullopt;
        if (field == 14 || field == 15) stat.cpu_ticks += value;
        if (field == 20) stat.threads = value;
        if (field == 22) stat.start_ticks = value;
        if (field == 23) stat.virtual_bytes = value;
        if (field == 24) stat.resident_pages = value;
    }
    return stat;
}

std::optional<double> parse_boot_time(std::string_view text) noexcept {
    constexpr std::string_view key = "\nbtime ";
    const std::size_t at = text.find(key);
    if (at == std::string_view::npos) return std::nullopt;
    text.remove_prefix(at + key.size());
    double value = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (error != std::errc{}) return std::nullopt;
    return value;
}

void add_process_metrics(Registry& registry) {
    const BuildInfo& build = build_info();
    registry.get(catalogue::subcults_build_info, {build.version, build.revision, build.compiler})
        .set(1);

    auto& start_time = registry.get(catalogue::process_start_time_seconds);
    const auto boot = parse_boot_time(read_proc("/proc/stat"));
    const auto own = parse_process_stat(read_proc("/proc/self/stat"));
    if (boot && own) start_time.set(*boot + own->start_ticks / ticks_per_second());

    auto& cpu = registry.get(catalogue::process_cpu_seconds_total);
    auto& resident = registry.get(catalogue::process_resident_memory_bytes);
    auto& virtual_size = registry.get(catalogue::process_virtual_memory_bytes);
    auto& threads = registry.get(catalogue::process_threads);
    auto& open_fds = registry.get(catalogue::process_open_fds);
    auto& max_fds = registry.get(catalogue::process_max_fds);
    registry.before_collect([&] {
        if (const auto stat = parse_process_stat(read_proc("/proc/self/stat"))) {
            cpu.set(stat->cpu_ticks / ticks_per_second());
            resident.set(stat->resident_pages * static_cast<double>(::sysconf(_SC_PAGESIZE)));
            virtual_size.set(stat->virtual_bytes);
            threads.set(stat->threads);
        }
        if (const auto count = count_open_fds()) open_fds.set(*count);
        if (const auto limit = max_open_fds()) max_fds.set(*limit);
    });
}

}  // namespace subcults::metrics

#include "audit/checkpoint_file.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>

namespace subcults::api {
namespace {

// Far more than the two last lines.
constexpr off_t tail_bytes = 8192;

class Descriptor {
  public:
    Descriptor(const std::string& path, int flags)
        : number_(::open(path.c_str(), flags | O_CLOEXEC, S_IRUSR | S_IWUSR)) {}
    ~Descriptor() {
        if (number_ >= 0) ::close(number_);
    }
    Descriptor(const Descriptor&) = delete;
    Descriptor& operator=(const Descriptor&) = delete;
    int number() const noexcept { return number_; }
    bool open() const noexcept { return number_ >= 0; }

  private:
    int number_;
};

std::string reason(std::string_view what) {
    return std::string(what) + ": " + std::strerror(errno);
}

// The end of the file, and where in the file it begins.
struct Tail {
    std::string text;
    off_t begin = 0;
    bool read = false;
};

Tail read_tail(int descriptor) {
    Tail tail;
    struct stat facts {};
    if (::fstat(descriptor, &facts) != 0) return tail;
    tail.begin = std::max<off_t>(0, facts.st_size - tail_bytes);
    tail.text.resize(static_cast<std::size_t>(facts.st_size - tail.begin));
    std::size_t done = 0;
    while (done < tail.text.size()) {
        const auto count = ::pread(descriptor, tail.text.data() + done, tail.text.size() - done,
                                   tail.begin + static_cast<off_t>(done));
        if (count <= 0) return tail;
        done += static_cast<std::size_t>(count);
    }
    tail.read = true;
    return tail;
}

bool write_all(int descriptor, std::string_view text) {
    while (!text.empty()) {
        const auto count = ::write(descriptor, text.data(), text.size());
        if (count < 0 && errno == EINTR) continue;
        if (count <= 0) return false;
        text.remove_prefix(static_cast<std::size_t>(count));
    }
    return true;
}

}  // namespace

Result<std::optional<Checkpoint>, std::string> CheckpointFile::last() const {
    const Descriptor file(path_, O_RDONLY);
    if (!file.open()) {
        if (errno == ENOENT) return std::optional<Checkpoint>();
        return reason("cannot open the checkpoint file");
    }
    const Tail tail = read_tail(file.number());
    if (!tail.read) return reason("cannot read the checkpoint file");
    // Up to the last line end: what follows it was never finished.
    const auto end = tail.text.rfind('\n');
    if (end == std::string::npos) {
        if (tail.begin == 0) return std::optional<Checkpoint>();
        return std::string("the checkpoint file ends in no checkpoint");
    }
    const std::string_view lines = std::string_view(tail.text).substr(0, end);
    const auto before = lines.rfind('\n');
    const std::string_view line =
        before == std::string_view::npos ? lines : lines.substr(before + 1);
    auto checkpoint = read_checkpoint_line(line);
    if (!checkpoint) return std::string("the last line of the checkpoint file is no checkpoint");
    return checkpoint;
}

Result<void, std::string> CheckpointFile::append(const std::vector<Checkpoint>& checkpoints) {
    const Descriptor file(path_, O_RDWR | O_APPEND | O_CREAT);
    if (!file.open()) return reason("cannot open the checkpoint file");
    const Tail tail = read_tail(file.number());
    if (!tail.read) return reason("cannot read the checkpoint file");
    if (!tail.text.empty() && tail.text.back() != '\n') {
        const auto end = tail.text.rfind('\n');
        const off_t keep =
            end == std::string::npos ? tail.begin : tail.begin + static_cast<off_t>(end) + 1;
        if (::ftruncate(file.number(), keep) != 0) return reason("cannot mend the checkpoint file");
    }
    std::string text;
    for (const Checkpoint& checkpoint : checkpoints)
        text += checkpoint_line(checkpoint) + "\n";
    if (!write_all(file.number(), text)) return reason("cannot write the checkpoint file");
    if (::fsync(file.number()) != 0) return reason("cannot sync the checkpoint file");
    return {};
}

}  // namespace subcults::api

#include "base/random_stock.hpp"

#include <sys/random.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <stdexcept>
#include <system_error>

namespace subcults {

namespace {

class RandomStock {
  public:
    void take(std::span<std::uint8_t> out) {
        if (out.size() > stock_.size()) throw std::length_error("not from the stock");
        if (used_ + out.size() > stock_.size()) refill();
        std::memcpy(out.data(), stock_.data() + used_, out.size());
        used_ += out.size();
    }

  private:
    void refill() {
        std::size_t filled = 0;
        while (filled < stock_.size()) {
            const ssize_t got = ::getrandom(stock_.data() + filled, stock_.size() - filled, 0);
            if (got < 0) {
                if (errno == EINTR) continue;
                throw std::system_error(errno, std::system_category(), "getrandom");
            }
            filled += static_cast<std::size_t>(got);
        }
        used_ = 0;
    }

    std::array<std::uint8_t, 4000> stock_;
    std::size_t used_ = 4000;
};

}  // namespace

void stocked_random(std::span<std::uint8_t> out) {
    static thread_local RandomStock stock;
    stock.take(out);
}

}  // namespace subcults

// The bytes a connection has received and not yet used up: one contiguous block that starts small,
// doubles on demand and shrinks again between requests. Not thread-safe.
#pragma once

#include <boost/asio/buffer.hpp>

#include <algorithm>
#include <cstddef>
#include <cstring>
#include <memory>
#include <string_view>

namespace subcults::net {

class InputBuffer {
  public:
    // Most requests fit; thousands of idle connections hold this much each.
    static constexpr std::size_t initial_capacity = 2048;

    std::string_view unread() const noexcept { return {data_.get() + begin_, end_ - begin_}; }
    const char* base() const noexcept { return data_.get() + begin_; }
    std::size_t size() const noexcept { return end_ - begin_; }

    // At least `least` free bytes behind what is unread. Moves the content: base() may change.
    boost::asio::mutable_buffer space(std::size_t least) {
        if (capacity_ - end_ < least) make_room(least);
        return {data_.get() + end_, capacity_ - end_};
    }
    void commit(std::size_t count) noexcept { end_ += count; }
    void consume(std::size_t count) noexcept {
        begin_ += count;
        if (begin_ == end_) begin_ = end_ = 0;
    }
    // Takes `count` bytes out at `offset`; base() stays.
    void remove(std::size_t offset, std::size_t count) noexcept {
        char* const at = data_.get() + begin_ + offset;
        std::memmove(at, at + count, size() - offset - count);
        end_ -= count;
    }
    void clear() noexcept { begin_ = end_ = 0; }
    // Gives memory back when a large request has passed. Only when nothing is unread.
    void shrink() noexcept {
        if (size() != 0 || capacity_ <= 4 * initial_capacity) return;
        data_.reset();
        capacity_ = begin_ = end_ = 0;
    }

  private:
    void make_room(std::size_t least) {
        const std::size_t held = size();
        if (begin_ != 0 && capacity_ - held >= least) {
            std::memmove(data_.get(), data_.get() + begin_, held);
        } else {
            const std::size_t wanted = std::max({initial_capacity, 2 * capacity_, held + least});
            // Not value-initialised: the kernel overwrites it anyway.
            std::unique_ptr<char[]> larger(new char[wanted]);
            if (held != 0) std::memcpy(larger.get(), data_.get() + begin_, held);
            data_ = std::move(larger);
            capacity_ = wanted;
        }
        begin_ = 0;
        end_ = held;
    }

    std::unique_ptr<char[]> data_;
    std::size_t capacity_ = 0;
    std::size_t begin_ = 0;
    std::size_t end_ = 0;
};

}  // namespace subcults::net

// A value that one thread keeps up to date and others look at as a whole.
//
// Thread-safe; a short lock, never held while anything waits. For what changes now and then, not
// for what changes with every event.
#pragma once

#include <mutex>
#include <utility>

namespace subcults::indexer {

template <class T>
class Published {
  public:
    T get() const {
        const std::lock_guard lock(mutex_);
        return value_;
    }
    void set(T value) {
        const std::lock_guard lock(mutex_);
        value_ = std::move(value);
    }
    // `change` is given the value to modify; it must not come back here.
    template <class Change>
    void update(const Change& change) {
        const std::lock_guard lock(mutex_);
        change(value_);
    }

  private:
    mutable std::mutex mutex_;
    T value_{};
};

}  // namespace subcults::indexer

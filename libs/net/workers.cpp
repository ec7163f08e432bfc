#include "net/workers.hpp"

#include <pthread.h>

#include <exception>
#include <utility>

namespace subcults::net {

Worker::Worker(std::string name, std::function<void(std::exception_ptr)> on_exception)
    : name_(std::move(name)), on_exception_(std::move(on_exception)), guard_(io_.get_executor()) {
    constexpr std::size_t kernel_limit = 15;
    if (name_.size() > kernel_limit) name_.resize(kernel_limit);
}

Worker::~Worker() {
    stop();
    join();
}

void Worker::start() {
    thread_ = std::thread([this] {
        pthread_setname_np(pthread_self(), name_.c_str());
        for (;;) {
            try {
                io_.run();
                return;
            } catch (...) {
                // A reporter that throws as well must not take the process down with it.
                try {
                    if (on_exception_) on_exception_(std::current_exception());
                } catch (...) {
                }
            }
        }
    });
}

void Worker::release() noexcept {
    guard_.reset();
}

void Worker::stop() noexcept {
    io_.stop();
}

void Worker::join() {
    if (thread_.joinable()) thread_.join();
}

}  // namespace subcults::net

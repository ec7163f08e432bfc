// Worker threads, each with an io_context of its own.
#pragma once

#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>

#include <cstddef>
#include <functional>
#include <memory>
#include <string>
#include <thread>
#include <vector>

namespace subcults::net {

// A thread that runs one io_context until told to stop. What escapes a handler as an exception is
// given to `on_exception` (log, count) and the loop goes on.
class Worker {
  public:
    Worker(std::string name, std::function<void(std::exception_ptr)> on_exception);
    ~Worker();  // stops and joins
    Worker(const Worker&) = delete;
    Worker& operator=(const Worker&) = delete;

    boost::asio::io_context& io() noexcept { return io_; }
    void start();
    // Lets the loop end when it has nothing left to do.
    void release() noexcept;
    // Ends the loop now; pending handlers are dropped.
    void stop() noexcept;
    void join();

  private:
    std::string name_;  // at most 15 characters: shown by top -H and in core dumps
    std::function<void(std::exception_ptr)> on_exception_;
    boost::asio::io_context io_{1};
    boost::asio::executor_work_guard<boost::asio::io_context::executor_type> guard_;
    std::thread thread_;
};

}  // namespace subcults::net

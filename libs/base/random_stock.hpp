// Random bytes of the operating system for ids, at the price of a copy.
#pragma once

#include <cstdint>
#include <span>

namespace subcults {

// Fills `out`. No byte is handed out twice: each thread has a stock of its own, which one system
// call fills for a few hundred ids. Any thread. Throws std::system_error when the system has no
// randomness to give, std::length_error for more than 4000 bytes.
void stocked_random(std::span<std::uint8_t> out);

}  // namespace subcults

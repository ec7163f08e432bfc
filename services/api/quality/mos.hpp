// An estimate of how the audio of one participant's connection is judged by ear, from loss, delay
// and jitter: the E-model of ITU-T G.107 with everything at its defaults that a network cannot
// change. Formula, constants, what is assumed and what the estimate cannot say: docs/quality.md.
//
// Pure functions.
#pragma once

#include "quality/window.hpp"

#include <optional>

namespace subcults::api::quality {

// The transmission rating R, at most 93.2; may be below 0.
double transmission_rating(double packet_loss_percent, double rtt_ms, double jitter_ms) noexcept;

// G.107's mean opinion score of a rating: 1 to 4.5.
double opinion_score(double rating) noexcept;

// 1 (bad) to 4.41; nothing where loss, round trip or jitter are missing: unknown is not good.
std::optional<double> estimate_mos(const Values& values) noexcept;

}  // namespace subcults::api::quality

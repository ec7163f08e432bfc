#include "quality/mos.hpp"

#include <cmath>

namespace subcults::api::quality {
namespace {

constexpr double best_rating = 93.2;        // G.107, all parameters at their defaults
constexpr double codec_impairment = 0;      // Ie: assumed to be as that of G.711
constexpr double loss_robustness = 9.8;     // Bpl: assumed, within a factor of two
constexpr double total_impairment = 95;     // what loss of everything costs
constexpr double codec_delay_ms = 26.5;     // a frame of 20 ms and Opus' look-ahead
constexpr double jitter_buffer = 2;         // play-out waits for so many times the jitter
constexpr double unnoticed_delay_ms = 100;  // G.107: below this, delay costs nothing

// Idd, the cost of delay as such. Echo is the business of the clients.
double delay_impairment(double delay_ms) noexcept {
    if (delay_ms <= unnoticed_delay_ms) return 0;
    const double x = std::log2(delay_ms / unnoticed_delay_ms);
    const double sixth = 1.0 / 6.0;
    return 25 *
           (std::pow(1 + std::pow(x, 6), sixth) - 3 * std::pow(1 + std::pow(x / 3, 6), sixth) + 2);
}

double loss_impairment(double percent) noexcept {
    return codec_impairment +
           (total_impairment - codec_impairment) * percent / (percent + loss_robustness);
}

}  // namespace

double transmission_rating(double packet_loss_percent, double rtt_ms, double jitter_ms) noexcept {
    const double delay = rtt_ms / 2 + jitter_buffer * jitter_ms + codec_delay_ms;
    return best_rating - delay_impairment(delay) - loss_impairment(packet_loss_percent);
}

double opinion_score(double rating) noexcept {
    if (rating <= 0) return 1;
    if (rating >= 100) return 4.5;
    const double score = 1 + 0.035 * rating + 7e-6 * rating * (rating - 60) * (100 - rating);
    // The cubic dips below 1 for ratings under 6.5.
    return score < 1 ? 1 : score;
}

std::optional<double> estimate_mos(const Values& values) noexcept {
    if (!values.packet_loss_percent || !values.rtt_ms || !values.jitter_ms) return std::nullopt;
    return opinion_score(
        transmission_rating(*values.packet_loss_percent, *values.rtt_ms, *values.jitter_ms));
}

}  // namespace subcults::api::quality

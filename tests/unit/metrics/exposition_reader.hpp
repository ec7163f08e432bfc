// Reads the Prometheus text format back, strictly: what the tests compare instead of bytes.
#pragma once

#include <charconv>
#include <cmath>
#include <limits>
#include <map>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

namespace subcults::test {

struct Sample {
    std::string name;
    std::map<std::string, std::string> labels;
    std::string number;  // as printed

    double value() const;
};

struct Exposition {
    std::vector<Sample> samples;              // in the order of the text
    std::map<std::string, std::string> help;  // by family, unescaped
    std::map<std::string, std::string> type;
    std::vector<std::string> families;  // in the order of the text

    // The sample's number, or an exception that says what is missing.
    double value(const std::string& name,
                 const std::map<std::string, std::string>& labels = {}) const {
        for (const Sample& sample : samples) {
            if (sample.name == name && sample.labels == labels) return sample.value();
        }
        throw std::runtime_error("no such sample of " + name);
    }
    bool has(const std::string& name) const {
        for (const Sample& sample : samples) {
            if (sample.name == name) return true;
        }
        return false;
    }
};

inline double read_number(std::string_view text) {
    if (text == "NaN" || text == "Nan") return std::nan("");
    if (text == "+Inf") return std::numeric_limits<double>::infinity();
    if (text == "-Inf") return -std::numeric_limits<double>::infinity();
    double value = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (error != std::errc{} || end != text.data() + text.size()) {
        throw std::runtime_error("not a number: " + std::string(text));
    }
    return value;
}

inline double Sample::value() const {
    return read_number(number);
}

inline std::string unescape(std::string_view text) {
    std::string out;
    for (std::size_t i = 0; i < text.size(); ++i) {
        if (text[i] != '\\') {
            out += text[i];
            continue;
        }
        if (++i == text.size()) throw std::runtime_error("text ends within an escape");
        out += text[i] == 'n' ? '\n' : text[i];
    }
    return out;
}

inline Sample read_sample(std::string_view line) {
    Sample sample;
    std::size_t at = line.find_first_of("{ ");
    if (at == std::string_view::npos) throw std::runtime_error("no value: " + std::string(line));
    sample.name = line.substr(0, at);
    if (line[at] == '{') {
        while (line[at] != '}') {
            const std::size_t equals = line.find("=\"", ++at);
            std::size_t end = equals + 2;
            while (end < line.size() && line[end] != '"')
                end += line[end] == '\\' ? 2 : 1;
            if (equals == std::string_view::npos || end + 1 >= line.size()) {
                throw std::runtime_error("malformed labels: " + std::string(line));
            }
            const std::string name(line.substr(at, equals - at));
            const auto value = unescape(line.substr(equals + 2, end - equals - 2));
            if (!sample.labels.emplace(name, value).second) {
                throw std::runtime_error("label twice: " + std::string(line));
            }
            at = end + 1;
        }
        ++at;
    }
    if (at >= line.size() || line[at] != ' ') {
        throw std::runtime_error("no value: " + std::string(line));
    }
    sample.number = line.substr(at + 1);
    sample.value();
    return sample;
}

inline Exposition read_exposition(std::string_view text) {
    Exposition result;
    if (!text.empty() && text.back() != '\n') throw std::runtime_error("last line is not whole");
    while (!text.empty()) {
        const std::string_view line = text.substr(0, text.find('\n'));
        text.remove_prefix(line.size() + 1);
        const bool is_help = line.starts_with("# HELP ");
        if (!is_help && !line.starts_with("# TYPE ")) {
            result.samples.push_back(read_sample(line));
            continue;
        }
        const std::string_view rest = line.substr(7);
        const std::string name(rest.substr(0, rest.find(' ')));
        auto& lines = is_help ? result.help : result.type;
        const auto words = unescape(rest.substr(name.size() + 1));
        if (!lines.emplace(name, words).second) throw std::runtime_error("twice: " + name);
        if (!is_help) result.families.push_back(name);
    }
    return result;
}

// The samples by name and labels, with the numbers of `le` in one form: one side prints "2.0", the
// other "2".
inline std::map<std::string, double> by_series(const Exposition& text) {
    std::map<std::string, double> series;
    for (const Sample& sample : text.samples) {
        std::string key = sample.name;
        for (const auto& [name, value] : sample.labels) {
            key += '|' + name + '=' + (name == "le" ? std::to_string(read_number(value)) : value);
        }
        if (!series.emplace(key, sample.value()).second) throw std::runtime_error("twice: " + key);
    }
    return series;
}

// What is different between two expositions, or nothing. The library prints 16 digits of a double,
// one less than it takes to read every value back, hence the tolerance.
inline std::string difference(const Exposition& a, const Exposition& b) {
    const auto left = by_series(a);
    const auto right = by_series(b);
    for (const auto& [key, value] : right) {
        if (left.count(key) == 0) return "only on the right: " + key;
    }
    for (const auto& [key, value] : left) {
        const auto found = right.find(key);
        if (found == right.end()) return "only on the left: " + key;
        const double other = found->second;
        const bool same = value == other || (std::isnan(value) && std::isnan(other)) ||
                          std::abs(value - other) <= 1e-15 * std::abs(value);
        if (!same) return key + ": " + std::to_string(value) + " and " + std::to_string(other);
    }
    return {};
}

}  // namespace subcults::test

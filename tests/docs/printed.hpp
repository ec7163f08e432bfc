// Documents as text, and the fenced blocks in them.
#pragma once

#include <fstream>
#include <iterator>
#include <sstream>
#include <stdexcept>
#include <string>
#include <vector>

namespace subcults::test {

inline std::string document(const std::string& name) {
    std::ifstream file(SUBCULTS_DOCS "/" + name, std::ios::binary);
    if (!file) throw std::runtime_error("there is no docs/" + name);
    return {std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
}

// Contents of the blocks that open with ```language. Those in list items are indented; that is
// taken off.
inline std::vector<std::string> blocks(const std::string& text, const std::string& language) {
    std::vector<std::string> found;
    std::istringstream lines(text);
    std::string block;
    std::size_t indent = 0;
    bool in_any = false;
    bool wanted = false;
    for (std::string line; std::getline(lines, line);) {
        const std::size_t first = line.find_first_not_of(' ');
        const bool fence = first != std::string::npos && line.compare(first, 3, "```") == 0;
        if (fence && !in_any) {
            in_any = true;
            indent = first;
            wanted = line.substr(first + 3) == language;
            block.clear();
        } else if (fence) {
            in_any = false;
            if (wanted) found.push_back(block);
        } else if (in_any && wanted) {
            block += line.size() > indent ? line.substr(indent) : "";
            block += '\n';
        }
    }
    return found;
}

}  // namespace subcults::test

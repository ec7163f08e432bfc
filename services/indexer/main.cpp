#include "commands.hpp"

#include <cstdio>
#include <exception>

int main(int argc, char** argv) {
    try {
        return subcults::indexer::run_command(argc, argv);
    } catch (const std::exception& error) {
        std::fprintf(stderr, "subcults-indexer: %s\n", error.what());
        return 1;
    }
}

# ./dev format: rewrites every C++ file the way .clang-format says.
# shellcheck shell=bash
# shellcheck source=packages.sh
source "$here/packages.sh"

command_format() {
    (($# == 0)) || usage_error "format takes no argument"
    install_packages "${packages_check[@]}"
    "$root/tests/lint/sources.py" cpp | (cd "$root" && xargs -0 -r clang-format-14 -i)
}

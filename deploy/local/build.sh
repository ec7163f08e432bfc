# ./dev build: configure and compile one preset.
# shellcheck shell=bash
# shellcheck source=packages.sh
source "$here/packages.sh"

# Without a terminal ninja prints one line per object: a log of a thousand lines that nobody reads.
# This keeps failures and warnings whole, and shows a sign of life every few seconds.
condense() {
    local line latest='' shown=-100
    while IFS= read -r line; do
        case $line in
            '['[0-9]*/*)
                latest=${line%%]*}]
                ((SECONDS - shown >= 10)) || continue
                shown=$SECONDS
                ;;
            'ninja: Entering'* | 'ninja: no work'*) continue ;;
        esac
        printf '%s\n' "$line"
    done
    [[ -z $latest ]] || printf '%s last step\n' "$latest"
}

run_ninja() {
    # The lock keeps `up` and `test` from building the same directory at once; -o keeps it out of
    # what the build starts.
    if [[ -t 1 && -z ${CI:-} ]]; then
        flock -o "$1/.lock" ninja -C "$@"
    else
        flock -o "$1/.lock" ninja -C "$@" 2>&1 | condense
    fi
}

# A copied or moved checkout brings a cache that belongs to another place.
drop_foreign_cache() {
    local cache=$root/build/$1/CMakeCache.txt
    if [[ -f $cache ]] && ! grep -qxF "CMAKE_HOME_DIRECTORY:INTERNAL=$root" "$cache"; then
        note "build/$1 was configured for another directory: starting afresh"
        rm -rf "${root:?}/build/$1"
    fi
}

# Only when there is nothing yet or the presets changed: ninja calls CMake for everything else.
configure_preset() {
    drop_foreign_cache "$1"
    local dir=$root/build/$1
    [[ ! $dir/build.ninja -nt $root/CMakePresets.json ]] || return 0
    mkdir -p "$dir"
    step "configuring $1"
    (cd "$root" && flock -o "$dir/.lock" cmake --preset "$1") >"$dir/configure.log" 2>&1 || {
        cat "$dir/configure.log" >&2
        note "configuring $1 failed"
        return 1
    }
    touch "$dir/build.ninja" # CMake leaves it alone when nothing in it changes
}

# build_preset PRESET [TARGET...]
build_preset() {
    local preset=$1
    shift
    configure_preset "$preset" || return 1
    step "building $preset"
    run_ninja "$root/build/$preset" "$@" >&2 || {
        note "building $preset failed"
        return 1
    }
    step "built $preset"
}

command_build() {
    local preset=release targets=()
    while (($# > 0)); do
        case $1 in
            --preset)
                preset=$(value_of "$@")
                shift 2
                ;;
            -*) usage_error "build: unknown option $1" ;;
            *)
                targets+=("$1")
                shift
                ;;
        esac
    done
    ensure_packages
    build_preset "$preset" "${targets[@]}"
}

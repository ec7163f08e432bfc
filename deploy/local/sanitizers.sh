# How sanitized programs are run: stop at the first finding and say where it comes from.
# shellcheck shell=bash

export ASAN_OPTIONS=${ASAN_OPTIONS:-detect_stack_use_after_return=1:strict_string_checks=1}
export UBSAN_OPTIONS=${UBSAN_OPTIONS:-print_stacktrace=1:halt_on_error=1}
export TSAN_OPTIONS=${TSAN_OPTIONS:-second_deadlock_stack=1:halt_on_error=1}

# Clang 14's shadow memory collides with the wider address randomisation of newer kernels. Where
# switching it off is not permitted (some containers), we try our luck with it.
in_sanitizer_mode() {
    if setarch -R true 2>/dev/null; then
        setarch -R "$@"
    else
        "$@"
    fi
}

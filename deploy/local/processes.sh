# Starting, finding and stopping the processes of `./dev up`.
# .local/run/NAME.pid holds the process id and the moment it started (in the kernel's ticks), so
# that a recycled id is never taken for ours, let alone signalled.
# shellcheck shell=bash

# Prints when a process started; fails when there is none or only its remains.
started_at() {
    local stat fields
    { stat=$(<"/proc/$1/stat"); } 2>/dev/null || return 1
    read -ra fields <<<"${stat##*) }"
    [[ ${fields[0]} != [ZX] ]] || return 1
    printf '%s' "${fields[19]}"
}

record_pid() { printf '%s %s\n' "$2" "$(started_at "$2")" >"$run_dir/$1.pid"; }

# Prints the id of a recorded process that is alive.
pid_of() {
    local pid started
    { read -r pid started <"$run_dir/$1.pid"; } 2>/dev/null || return 1
    [[ $pid =~ ^[0-9]+$ && $(started_at "$pid") == "$started" ]] || return 1
    printf '%s' "$pid"
}

is_alive() { pid_of "$1" >/dev/null; }
is_dead() { ! is_alive "$1"; }

# launch NAME COMMAND...: its own session, so that neither Ctrl-C nor a closed terminal reaches it
# before `stop_processes` does.
launch() {
    local name=$1
    shift
    local log=$log_dir/$name.log
    [[ ! -s $log ]] || mv -f "$log" "$log.1"
    setsid "$@" </dev/null >"$log" 2>&1 9>&- & # 9: the lock of `up`
    record_pid "$name" $!
}

signal() {
    local pid
    pid=$(pid_of "$2") || return 0
    kill "-$1" "$pid" 2>/dev/null || true
}

# stop_processes SECONDS NAME...: asks all of them at once, then insists.
stop_processes() {
    local patience=$1 name
    shift
    for name in "$@"; do
        is_dead "$name" || step "stopping $name"
        signal TERM "$name"
    done
    for name in "$@"; do
        if ! wait_until "$patience" is_dead "$name"; then
            note "$name did not stop within ${patience}s: killing it"
            signal KILL "$name"
            wait_until 5 is_dead "$name" || note "$name cannot be killed"
        fi
        rm -f "$run_dir/$name.pid"
    done
}

show_log_tail() {
    note "--- the end of ${log_dir#"$root/"}/$1.log"
    tail -n 25 "$log_dir/$1.log" >&2 || true
    note "---"
}

# ./dev down: stops everything that `./dev up` started, however that ended.
# shellcheck shell=bash
# shellcheck source=stop.sh
source "$here/stop.sh"

command_down() {
    (($# == 0)) || usage_error "down takes no argument"
    [[ -d $run_dir ]] || return 0
    # A foreground `up` in another terminal stops its own children; it only has to be told.
    if is_alive up; then
        step "stopping ./dev up"
        signal TERM up
        wait_until 60 is_dead up || note "./dev up does not end; stopping what it started"
    fi
    stop_everything
}

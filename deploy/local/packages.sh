# Installs the Debian packages that building, testing and running need, and nothing that is there.
# docs/development.md says what each one is for.
# shellcheck shell=bash

packages_build=(
    g++ cmake ninja-build ccache mold pkg-config git
    clang-14 libclang-rt-14-dev lld-14
    libboost1.81-dev libsimdjson-dev prometheus-cpp-dev rapidjson-dev libpq-dev
    libssl-dev libzstd-dev zlib1g-dev libxxhash-dev libutf8proc-dev
    libfmt-dev libspdlog-dev libcli11-dev libjwt-dev catch2
)
packages_run=(postgresql-15 postgresql-client-15 ca-certificates curl jq python3 python3-yaml)
packages_check=(clang-format-14 clang-tidy-14 shellcheck yamllint)

missing_packages() {
    local installed name
    installed=$(dpkg-query -W -f '${binary:Package} ${db:Status-Status}\n' 2>/dev/null |
        awk '$2 == "installed" { sub(/:.*/, "", $1); print $1 }')
    for name in "$@"; do
        grep -qxF -- "$name" <<<"$installed" || printf '%s\n' "$name"
    done
}

as_root() {
    if [[ $EUID -eq 0 ]]; then
        "$@"
    else
        sudo "$@"
    fi
}

require_root_access() {
    [[ $EUID -ne 0 ]] || return 0
    command -v sudo >/dev/null ||
        die "missing packages, and there is no sudo. As root: apt-get install $*"
    sudo -n true 2>/dev/null && return 0
    [[ -t 0 ]] || die "missing packages, and sudo wants a password. As root: apt-get install $*"
    note "sudo is needed to install: $*"
    sudo -v || die "could not become root"
}

# Runs as root, in one process, because the guard has to be removed whatever happens.
# No package may start a service: policy-rc.d refuses while we install, and PostgreSQL's package
# is told beforehand not to make its `main` cluster.
# shellcheck disable=SC2016 # expanded by the shell that root runs
install_as_root='
set -euo pipefail
export DEBIAN_FRONTEND=noninteractive
export PATH="$PATH:/usr/local/sbin:/usr/sbin:/sbin"
guard=/usr/sbin/policy-rc.d
if [[ ! -e $guard && ! -L $guard ]]; then
    trap "rm -f $guard" EXIT
    trap "exit 130" INT TERM HUP
    printf "#!/bin/sh\nexit 101\n" >"$guard"
    chmod 755 "$guard"
fi
clusters=/etc/postgresql-common/createcluster.conf
if [[ ! -e $clusters ]]; then
    mkdir -p /etc/postgresql-common
    printf "create_main_cluster = false\n" >"$clusters"
    echo "wrote $clusters (create_main_cluster = false): no system cluster is made" >&2
fi
options=(-y -q --no-install-recommends
    -o DPkg::Lock::Timeout=300 -o Dpkg::Use-Pty=0
    -o Dpkg::Options::=--force-confdef -o Dpkg::Options::=--force-confold)
if ! apt-get install -s "${options[@]}" "$@" >/dev/null 2>&1; then
    echo "apt-get update" >&2
    apt-get -q -o DPkg::Lock::Timeout=300 update >&2
fi
if ! apt-get install "${options[@]}" "$@" </dev/null >&2; then
    # The lists may be older than the archive.
    apt-get -q -o DPkg::Lock::Timeout=300 update >&2
    apt-get install "${options[@]}" "$@" </dev/null >&2
fi
'

install_packages() {
    local missing
    mapfile -t missing < <(missing_packages "$@")
    ((${#missing[@]} > 0)) || return 0
    command -v apt-get >/dev/null || die "this is not Debian; install by hand: ${missing[*]}"
    require_root_access "${missing[@]}"
    mkdir -p "$local_dir"
    exec {packages_lock}>"$local_dir/packages.lock"
    flock "$packages_lock"
    mapfile -t missing < <(missing_packages "$@") # somebody else may have installed them meanwhile
    if ((${#missing[@]} > 0)); then
        step "installing ${#missing[@]} packages: ${missing[*]}"
        as_root bash -c "$install_as_root" install "${missing[@]}" {packages_lock}>&- ||
            die "installing packages failed"
        step "packages are installed"
    fi
    exec {packages_lock}>&-
}

# promtool checks the Prometheus rules, and Prometheus itself takes part in a test. The package would
# bring a service, so only these two files of it are unpacked, to .local/tools.
install_promtool() {
    local promtool=$tools_dir/usr/bin/promtool prometheus=$tools_dir/usr/bin/prometheus download
    [[ ! -x $promtool || ! -x $prometheus ]] || return 0
    step "unpacking promtool and prometheus into .local/tools"
    download=$(mktemp -d)
    if (cd "$download" && apt-get -q download prometheus >/dev/null 2>&1) &&
        dpkg -x "$download"/prometheus_*.deb "$download/files"; then
        mkdir -p "${promtool%/*}"
        mv "$download/files/usr/bin/promtool" "$promtool"
        mv "$download/files/usr/bin/prometheus" "$prometheus"
    else
        note "promtool and prometheus could not be fetched: the checks that need them are skipped"
    fi
    rm -rf "$download"
}

ensure_packages() { install_packages "${packages_build[@]}" "${packages_run[@]}"; }
ensure_check_packages() {
    install_packages "${packages_build[@]}" "${packages_run[@]}" "${packages_check[@]}"
    install_promtool
}

# Sourced by the scripts beside it: the repository's root, messages, and Debian packages.
root="$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)"

say() { printf '%s\n' "$1" >&2; }

fail() {
    say "$1"
    exit 1
}

as_root() {
    if ((EUID == 0)); then
        "$@"
    elif command -v sudo >/dev/null; then
        sudo "$@"
    else
        fail "Installing Debian packages needs root or sudo."
    fi
}

# apt_install PACKAGE... : install Debian packages, without questions.
apt_install() {
    command -v apt-get >/dev/null || fail "$* is missing, and without apt-get it has to be installed by hand."
    say "Installing $* with apt-get"
    local apt=(env DEBIAN_FRONTEND=noninteractive apt-get -qq -o DPkg::Lock::Timeout=300 -o Dpkg::Use-Pty=0)
    as_root "${apt[@]}" update </dev/null >&2 || say "apt-get update failed; going on with the lists that are here."
    as_root "${apt[@]}" install --no-install-recommends -y "$@" </dev/null >&2 ||
        fail "apt-get could not install $*: see its message above."
}

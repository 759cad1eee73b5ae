# Shared by the scripts beside it: makes virtual environments and says what it does.
# shellcheck shell=bash

ROOT="$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)"

say() { printf '\033[1m==>\033[0m %s\n' "$*" >&2; }
die() { printf 'ERROR: %s\n' "$*" >&2; exit 1; }

find_python() {
  local candidate
  for candidate in "${PYTHON:-}" python3 python3.13 python3.12 python3.11 python3.10; do
    [ -n "$candidate" ] && command -v "$candidate" >/dev/null 2>&1 || continue
    if "$candidate" -c 'import sys; sys.exit(sys.version_info < (3, 10))' 2>/dev/null; then
      printf '%s' "$candidate"; return
    fi
  done
  die "Python 3.10 or newer is needed. Debian and Ubuntu: apt-get install python3 python3-venv;
       elsewhere install it and name it with PYTHON=/path/to/python3."
}

# Installs a Chromium for the tests in a browser, if there is none.
need_chromium() {
  local name
  for name in chromium chromium-browser google-chrome; do
    if command -v "$name" >/dev/null 2>&1; then return; fi
  done
  if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null 2>&1; then
    say "Installing chromium"
    apt-get update -qq
    DEBIAN_FRONTEND=noninteractive apt-get install -y -qq chromium >/dev/null
  else
    die "the tests in a browser need a Chromium. Debian and Ubuntu: sudo apt-get install chromium"
  fi
}

# Installs what the pages' blocks of code, the tests of several hosts and those of the container are run
# with, and what judges units, if it is missing.
need_programs() {
  local name missing=()
  for name in curl jq node systemd-analyze; do
    if ! command -v "$name" >/dev/null 2>&1; then
      name="${name/node/nodejs}"
      missing+=("${name/systemd-analyze/systemd}")
    fi
  done
  # Hosts in network namespaces, and mpirun between them.
  command -v ip >/dev/null 2>&1 || missing+=(iproute2)
  [ -x /usr/sbin/sshd ] || missing+=(openssh-server)
  command -v ssh >/dev/null 2>&1 || missing+=(openssh-client)
  # A cluster on these hosts.
  command -v slurmctld >/dev/null 2>&1 || [ -x /usr/sbin/slurmctld ] || missing+=(slurm-wlm)
  # The root of the container, and its process 1.
  command -v debootstrap >/dev/null 2>&1 || missing+=(debootstrap)
  command -v tini-static >/dev/null 2>&1 || missing+=(tini)
  if [ "${#missing[@]}" = 0 ]; then return; fi
  if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null 2>&1; then
    say "Installing ${missing[*]}"
    apt-get update -qq
    DEBIAN_FRONTEND=noninteractive apt-get install -y -qq "${missing[@]}" >/dev/null
  else
    die "the tests need ${missing[*]}. Debian and Ubuntu: sudo apt-get install ${missing[*]}"
  fi
}

# Installs wrk, which plays many clients for the benchmarks, if it is missing and can be had.
need_wrk() {
  if command -v wrk >/dev/null 2>&1; then return; fi
  if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null 2>&1; then
    say "Installing wrk"
    { apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq wrk; } >/dev/null || true
  fi
  command -v wrk >/dev/null 2>&1 || say "There is no wrk; the case of many clients is left out.
       Debian and Ubuntu: sudo apt-get install wrk"
}

# environment DIR EXTRA[,EXTRA]: a virtual environment in DIR with this project installed editable
# and at least these extras. Does nothing when they are there for the same pyproject.toml.
environment() {
  local dir="$1" extras="$2" python for_what had extra missing=
  python="$(find_python)"
  for_what="$(cksum <"$ROOT/pyproject.toml") $("$python" -V)"
  had="$(sed -n "s/^extras //p" "$dir/.stamp" 2>/dev/null || true)"
  if ! grep -qxF "for $for_what" "$dir/.stamp" 2>/dev/null; then had=; fi
  for extra in ${extras//,/ }; do
    case ",$had," in *",$extra,"*) ;; *) missing=1 ;; esac
  done
  [ -n "$missing" ] || return 0
  # Another terminal may need it at the same moment.
  (
    flock 9
    if [ -z "$had" ] && ! grep -qxF "for $for_what" "$dir/.stamp" 2>/dev/null; then
      say "Making the environment $dir (once; a minute or two)"
      rm -rf "$dir"
      "$python" -m venv "$dir" 2>/dev/null || die "python3 can't make virtual environments.
       Debian and Ubuntu: apt-get install python3-venv, then run this again."
    else
      say "Installing $extras into the environment $dir"
    fi
    install_packages "$dir" -e "$ROOT[$extras]"
    # NEST's wheel brings a nest-server of its own, and may have been installed after ours.
    grep -q 'nestd.server' "$dir/bin/nest-server" 2>/dev/null \
      || install_packages "$dir" --no-deps --force-reinstall -e "$ROOT"
    printf 'for %s\nextras %s\n' "$for_what" "${had:+$had,}$extras" >"$dir/.stamp"
  ) 9<"$ROOT/pyproject.toml" || exit
}

# install_packages DIR ARGUMENT…: pip install into the environment; with uv if it is there, which is faster.
install_packages() {
  local dir="$1"
  shift
  if command -v uv >/dev/null 2>&1 && uv pip install --quiet --python "$dir/bin/python" "$@"; then return; fi
  # Python compiles what is imported; of most packages that is little.
  "$dir/bin/pip" install --quiet --disable-pip-version-check --no-compile "$@" \
    || die "installing failed, see above. If a package has to be compiled:
       Debian and Ubuntu: apt-get install build-essential python3-dev, then run this again."
}

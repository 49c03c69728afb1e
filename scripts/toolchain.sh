#!/usr/bin/env bash
# Makes sure that a new enough Rust (cargo, clippy, rustfmt) can be used, and prints on stdout the name to put into
# RUSTUP_TOOLCHAIN for it; nothing where the default is good enough. Explanations go to stderr.
#
# The first that works is taken; only the last two steps change the machine, and none changes anyone's default:
#   1. what RUSTUP_TOOLCHAIN asks for              4. /usr/bin
#   2. the declared release, where rustup has it   5. rustup installs the declared release
#   3. the default, then any other of rustup's     6. Debian's packages of it (as root)
# The declared release (rust-version in Cargo.toml) comes first because its lints are the ones the code is kept to.
set -euo pipefail

cd "$(dirname "${BASH_SOURCE[0]}")/.."
need=$(sed -n 's/^rust-version = "\(.*\)"/\1/p' Cargo.toml)
linked=rust-$need
debian_packages="rustc-web cargo-web rust-web-clippy rustfmt-web"
PATH=$PATH:$HOME/.cargo/bin

say() { echo "toolchain: $*" >&2; }
found() { [ -z "$1" ] || say "using $1"; echo "$1"; exit 0; }
has_rustup() { command -v rustup >/dev/null 2>&1; }
in_usr() { usable env -u RUSTUP_TOOLCHAIN PATH=/usr/bin:/bin; }

# Whether `$@ rustc` and its companions run and are new enough; leaves the version in $version.
usable() {
  version=$("$@" rustc --version 2>/dev/null | awk '{print $2}') || version=
  [ -n "$version" ] && [ "$(printf '%s\n' "$need" "$version" | sort -V | head -n 1)" = "$need" ] || return 1
  for tool in cargo rustfmt clippy-driver; do "$@" "$tool" --version >/dev/null 2>&1 || return 1; done
}

use_usr() {
  if has_rustup; then # it stands in front of /usr/bin and must be told
    rustup toolchain link "$linked" /usr >&2
    found "$linked"
  fi
  if usable env; then found ""; fi
  say "/usr/bin has Rust $need or newer, but another one stands before it in PATH: put /usr/bin first"
  exit 1
}

if [ -n "${RUSTUP_TOOLCHAIN:-}" ] && usable env; then found "$RUSTUP_TOOLCHAIN"; fi

if has_rustup; then
  # Nightlies and betas are left out: their lints differ from one day to the next.
  installed=$(rustup toolchain list 2>/dev/null | awk '{print $1}' | grep -Ev '^(nightly|beta)' | sort -V) || installed=
  for name in $(grep -E "^(rust-)?${need//./\\.}([.-]|\$)" <<<"$installed"); do
    if usable env RUSTUP_TOOLCHAIN="$name"; then found "$name"; fi
  done
fi

if usable env; then found ""; fi
say "the default Rust is ${version:-missing}; $need or newer with clippy and rustfmt is needed"

if has_rustup; then
  for name in $installed; do
    if usable env RUSTUP_TOOLCHAIN="$name"; then found "$name"; fi
  done
fi

if in_usr; then use_usr; fi

if has_rustup; then
  say "asking rustup for $need (at most 5 minutes) …"
  if timeout 300 rustup toolchain install "$need" --profile minimal --component clippy,rustfmt --no-self-update >&2 \
    && usable env RUSTUP_TOOLCHAIN="$need"; then
    found "$need"
  fi
  say "rustup could not bring it"
fi

if command -v apt-get >/dev/null 2>&1; then
  if [ "$(id -u)" = 0 ]; then
    say "installing $debian_packages with apt-get …"
    export DEBIAN_FRONTEND=noninteractive
    # shellcheck disable=SC2086  # one word for each package
    if apt-get update -q >&2 && apt-get install -y -q --no-install-recommends $debian_packages >&2 && in_usr; then use_usr; fi
    say "apt-get could not bring it"
  else
    say "as root, 'apt-get install $debian_packages' may bring it (Debian 12 and later)"
  fi
fi

say "no Rust $need or newer. Install it with rustup ('rustup toolchain install $need --component clippy,rustfmt'), then run make again."
exit 1

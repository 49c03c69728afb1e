#!/usr/bin/env bash
# Lints every target of this package and fails on any warning. Arguments are passed on to cargo.
#
# Not `cargo clippy`: that is a `cargo check`, whose dependencies are other artifacts than those of `cargo build` and
# `cargo test`, so it would compile all of them a second time. Instead clippy's compiler takes rustc's place, for this
# package only (RUSTC_WORKSPACE_WRAPPER), within an ordinary build: the dependencies are the ones that are there already.
# cargo keeps what a wrapper made apart from what rustc made, and clippy-driver reports CLIPPY_ARGS to cargo as an
# input, so nothing is mixed up or stale, and because a denied warning is a compile error, no earlier run can hide it.
set -euo pipefail

cd "$(dirname "${BASH_SOURCE[0]}")/.."
driver=$(rustc --print sysroot)/bin/clippy-driver
[ -x "$driver" ] || driver=$(command -v clippy-driver) || {
  echo "lint: clippy-driver is missing (rustup component add clippy)" >&2
  exit 1
}

# Every Rust release brings new lints. Those of the declared release are binding; a newer one's are advice, so that a
# release of Rust alone never breaks `make test`.
declared=$(sed -n 's/^rust-version = "\(.*\)"/\1/p' Cargo.toml)
version=$(rustc --version | awk '{print $2}')
case $version in
  "$declared" | "$declared".*) deny=-Dwarnings ;;
  *) deny= && echo "lint: on Rust $version warnings are advice; on $declared they are errors" >&2 ;;
esac

# clippy-driver splits this at its separator; `cargo clippy -- -Dwarnings` sets the same.
export CLIPPY_ARGS="${deny:+${deny}__CLIPPY_HACKERY__}"
export RUSTC_WORKSPACE_WRAPPER=$driver
exec cargo build --all-targets "$@"

#!/usr/bin/env bash
# Checks the prompts and runs one suite, for any CI.
#
#   evals/ci/eval.sh SUITE.toml OUT [REPLIES]
#
# OUT receives the reports. With REPLIES, a folder that `rankgate eval run --record` wrote, no LLM is asked and no key is
# needed. Environment: CONFIG, the configuration, if not config/rankgate.toml; RANKGATE, the program, if not in the PATH.
# Exit status: 0 all is well; 1 a prompt does not check or a gate failed; 2 something is missing or can't be read.
set -uo pipefail

[ $# -ge 2 ] || { echo "usage: evals/ci/eval.sh SUITE.toml OUT [REPLIES]" >&2; exit 2; }
suite=$1 out=$2 replies=${3:-}
rankgate=${RANKGATE:-rankgate}
command -v "$rankgate" >/dev/null || { echo "eval.sh: $rankgate is not in the PATH; set RANKGATE" >&2; exit 2; }

options=()
[ -z "${CONFIG:-}" ] || options+=(--config "$CONFIG")
"$rankgate" prompts check "${options[@]}" || exit
[ -z "$replies" ] || options+=(--replay "$replies")
"$rankgate" eval run "$suite" --out "$out" "${options[@]}"

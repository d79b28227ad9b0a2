#!/usr/bin/env bash
# CPU seconds of `keyhound files` as a ratio to ripgrep's over the same folder, page cache warm, interleaved runs.
#   usage: benches/files.sh FOLDER [RUNS]
# ripgrep is the peer: cargo install ripgrep, or RG=/path/to/rg. Build keyhound with cargo build --release first.
set -euo pipefail
folder=$1 runs=${2:-11}
here=$(cd "$(dirname "$0")/.." && pwd)
keyhound=${KEYHOUND:-$here/target/release/keyhound} rg=${RG:-rg}
cpu() { # user + system seconds of a command
  local TIMEFORMAT='%U %S' t
  t=$( { time "$@" >/dev/null 2>&1 || true; } 2>&1 )
  awk '{ print $1 + $2 }' <<<"$t"
}
mine() { cpu "$keyhound" files "$folder" --no-progress --format json; }
peer() { cpu "$rg" --hidden --no-messages -c 'AKIA|ASIA' "$folder"; }
mine >/dev/null; peer >/dev/null
a=() b=()
for _ in $(seq "$runs"); do a+=("$(mine)"); b+=("$(peer)"); done
median() { printf '%s\n' "$@" | sort -n | awk '{ v[NR] = $1 } END { print v[int((NR + 1) / 2)] }'; }
ma=$(median "${a[@]}") mb=$(median "${b[@]}")
awk -v a="$ma" -v b="$mb" -v n="$runs" 'BEGIN { printf "keyhound %.3f s, ripgrep %.3f s, ratio %.2f (CPU seconds, medians of %d)\n", a, b, a / b, n }'

#!/usr/bin/env bash
# CPU and wall time of `keyhound staged` as a ratio to `git diff --cached --quiet`, in a repository with 100,000 tracked
# files and 10 staged ones, and in an empty one. Interleaved runs, page cache warm.
#   usage: benches/staged.sh [RUNS] [FILES]
# Build keyhound with cargo build --release first; KEYHOUND=/path/to/keyhound measures another one.
set -euo pipefail
runs=${1:-21} files=${2:-100000}
here=$(cd "$(dirname "$0")/.." && pwd)
keyhound=${KEYHOUND:-$here/target/release/keyhound}
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
export GIT_CONFIG_GLOBAL=/dev/null GIT_CONFIG_SYSTEM=/dev/null
git init --quiet "$folder/large"
git init --quiet "$folder/empty"
python3 - "$folder/large" "$files" <<'PY'
import os, sys
root, files = sys.argv[1], int(sys.argv[2])
for n in range(files):
    path = f"{root}/package{n // 2000:03}/module{n // 100 % 20:02}/src/component_file_{n % 100:03}.ts"
    if n % 100 == 0:
        os.makedirs(os.path.dirname(path))
    with open(path, "w") as file:
        file.write(f"export const value = {n};\n")
PY
cd "$folder/large"
git add --all
git -c user.name=bench -c user.email=bench@example.org commit --quiet --message start
git repack -adq
for n in $(seq 10); do echo "export const added = $n;" >>"package000/module0$((n % 10))/src/component_file_00$((n % 10)).ts"; done
git add --all

measure() { # milliseconds of CPU and of wall time of a command
  local TIMEFORMAT='%U %S %R' t
  t=$({ time "$@" >/dev/null 2>&1 || true; } 2>&1)
  awk '{ printf "%.1f %.1f\n", ($1 + $2) * 1000, $3 * 1000 }' <<<"$t"
}
median() { sort -n | awk '{ v[NR] = $1 } END { print v[int((NR + 1) / 2)] }'; }
for repo in large empty; do
  cd "$folder/$repo"
  "$keyhound" staged || { echo "keyhound staged failed"; exit 1; }
  : >"$folder/mine"; : >"$folder/peer"
  for _ in $(seq "$runs"); do
    measure "$keyhound" staged >>"$folder/mine"
    measure git diff --cached --quiet >>"$folder/peer"
  done
  for column in 1 2; do
    mine=$(cut -d ' ' -f $column "$folder/mine" | median) peer=$(cut -d ' ' -f $column "$folder/peer" | median)
    name=$([ $column = 1 ] && echo CPU || echo wall)
    awk -v r="$repo" -v n="$name" -v a="$mine" -v b="$peer" -v k="$runs" \
      'BEGIN { printf "%s: %s keyhound %.1f ms, git %.1f ms, ratio %.2f (medians of %d)\n", r, n, a, b, b ? a / b : 0, k }'
  done
done

#!/usr/bin/env bash
# CPU and wall time of `keyhound history` on two threads, as ratios to `git cat-file`, which prints all objects, and to the
# floor: every pack entry inflated, and nothing else. Interleaved runs, page cache warm, medians; and the peak memory.
#   usage: benches/history.sh REPO... (bare repositories, or .git folders), RUNS=5 by default
# Build with cargo build --release first; KEYHOUND=/path/to/keyhound measures another one.
set -euo pipefail
here=$(cd "$(dirname "$0")/.." && pwd)
keyhound=${KEYHOUND:-$here/target/release/keyhound}
if [ -z "${FLOOR:-}" ]; then
  FLOOR=$(cargo bench --manifest-path "$here/Cargo.toml" --bench floor --no-run --message-format=json 2>/dev/null |
    grep -o '"executable":"[^"]*/floor-[^"]*"' | tail -1 | cut -d '"' -f 4)
fi
KEYHOUND=$keyhound FLOOR=$FLOOR RUNS=${RUNS:-5} exec python3 - "$@" <<'PY'
import os, statistics, subprocess, sys, time

def run(command):
    start = time.monotonic()
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    _, _, usage = os.wait4(process.pid, 0)
    return usage.ru_utime + usage.ru_stime, time.monotonic() - start, usage.ru_maxrss / 1024

for repo in sys.argv[1:]:
    commands = {
        "keyhound": [os.environ["KEYHOUND"], "history", "--no-progress", "-j2", repo],
        "git": ["git", "-C", repo, "cat-file", "--batch-all-objects", "--unordered", "--batch", "--buffer"],
        "floor": [os.environ["FLOOR"], "--floor", repo],
    }
    times = {name: [] for name in commands}
    for _ in range(int(os.environ["RUNS"])):
        for name, command in commands.items():
            times[name].append(run(command))
    cpu, wall, rss = ({n: statistics.median(t[i] for t in ts) for n, ts in times.items()} for i in range(3))
    folder = os.path.join(repo, "objects", "pack")
    packs = sum(e.stat().st_size for e in os.scandir(folder) if e.name.endswith((".pack", ".idx"))) / 2**20
    print(
        f"{repo}: CPU {cpu['keyhound']:.2f} s, git {cpu['git']:.2f}, floor {cpu['floor']:.2f}: "
        f"{cpu['keyhound'] / cpu['git']:.2f} of git, {cpu['keyhound'] / cpu['floor']:.2f} of the floor; "
        f"wall {wall['keyhound']:.2f} s, {wall['keyhound'] / cpu['keyhound']:.2f} of its CPU; "
        f"memory {rss['keyhound']:.0f} MB, packs {packs:.0f} MB"
    )
PY

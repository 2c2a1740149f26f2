#!/usr/bin/env bash
# Format, lint, types, imports and generated files, for `make check`, the pre-commit hooks and CI. It changes nothing.
. "$(command dirname "$0")/environment.sh" || exit
set -uo pipefail
cd "$(dirname "$0")/.."
PATH="$PWD/.venv/bin:$PATH"
failed=()
# Pytest imports test files by their names alone.
names_differ() {
  local twice
  twice=$(find tests -name 'test_*.py' | sed 's|.*/||' | sort | uniq -d)
  [ -z "$twice" ] || { echo "two test files have the same name, which pytest refuses; rename one: $twice"; return 1; }
}
run() {
  echo "== $*"
  "$@" || failed+=("$*")
}
run names_differ
run ruff format --check .
run ruff check .
run basedpyright --level error
run lint-imports
run snakefmt --check Snakefile workflow
run bash -c 'snakemake --lint --config study=smoke 2>&1 | tail -n 40; exit "${PIPESTATUS[0]}"'
run python -m pipeline document --check
if [ "${#failed[@]}" -gt 0 ]; then
  printf 'failed: %s\n' "${failed[@]}" >&2
  exit 1
fi
echo "all checks passed"

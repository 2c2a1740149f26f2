#!/usr/bin/env bash
# Creates .venv from the lock files. PYTHON selects the interpreter (>= 3.11), TORCH the build of torch (cpu or cuda).
. "$(command dirname "$0")/environment.sh" || exit
set -euo pipefail
cd "$(dirname "$0")/.."

fits() {
  "$1" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null
}

version() {
  "$1" -c 'import sys; print("%d.%d" % sys.version_info[:2])'
}

pick() {
  if [ -n "${PYTHON:-}" ]; then
    fits "$PYTHON" && echo "$PYTHON" && return
    echo "PYTHON is $PYTHON, which is not a Python 3.11 or newer" >&2
    return 1
  fi
  for candidate in python3 python3.13 python3.12 python3.11 python; do
    fits "$candidate" && echo "$candidate" && return
  done
  echo "found no Python 3.11 or newer on PATH: install one, or name it with PYTHON=/path/to/python make setup" >&2
  return 1
}

python=$(pick)
if [ -x .venv/bin/python ] && [ -n "${PYTHON:-}" ] && [ "$(version .venv/bin/python)" != "$(version "$python")" ]; then
  echo "PYTHON is Python $(version "$python"), but .venv has Python $(version .venv/bin/python):" \
    "remove .venv and call make setup again" >&2
  exit 1
fi
rm -f .venv/.made-from-lock
if ! [ -x .venv/bin/python ]; then
  "$python" -m venv .venv || { rm -rf .venv && exit 1; }
fi
# The hash of every package is checked. Bytecode is compiled once here, not at each start of a job.
uv=$(grep --only-matching '^uv==[^ ]*' requirements.lock)
hashes=$(sed -n '/^uv==/,/^[^ ]/p' requirements.lock | grep --only-matching 'sha256:[0-9a-f]*' | sed 's/^/--hash=/')
echo "$uv" $hashes > .venv/uv.txt
.venv/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes --requirement .venv/uv.txt
.venv/bin/uv pip install --quiet --python .venv/bin/python --compile-bytecode --require-hashes --requirement requirements.lock \
  --requirement requirements-tools.lock

bash tools/torch.sh .venv
touch .venv/.made-from-lock
echo "The environment is ready: .venv ($(.venv/bin/python --version), torch $(.venv/bin/python -c 'import torch; print(torch.__version__)'))"

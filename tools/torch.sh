#!/usr/bin/env bash
# Installs torch into an environment and checks its hash: torch.sh .venv
# torch isn't in requirements.lock because the same version has CPU and CUDA builds. requirements-torch.lock has PyPI's
# builds and the CUDA libraries that some of them need, requirements-torch-cpu.lock the CPU builds of PyTorch's own index,
# which need nothing else. TORCH=cpu and TORCH=cuda select a build; by default it is the CPU build if there is no GPU.
# An installed torch of the right version is kept, whatever its origin, unless TORCH asks for another build: that is an
# error.
. "$(command dirname "$0")/environment.sh" || exit
set -euo pipefail
cd "$(dirname "$0")/.."
environment=$1
wanted=$(grep --only-matching '^torch==[^ ]*' requirements-torch.lock)
version=${wanted#torch==}

works() {
  "$environment/bin/python" -c "import torch; assert torch.__version__.split('+')[0] == '$version'" 2>/dev/null
}

own_build_hint() {
  echo "To use a build of your own, install it and call make setup again, which keeps it:" \
    "$environment/bin/python -m pip install $wanted [--index-url ...]" >&2
}

cpu_build() {
  local log="$environment/torch-cpu.log"
  if "$environment/bin/python" -m pip install --disable-pip-version-check --no-deps --require-hashes \
    --only-binary :all: --requirement requirements-torch-cpu.lock >"$log" 2>&1; then
    return
  fi
  if grep --quiet "DO NOT MATCH THE HASHES" "$log"; then
    cat "$log" >&2
    echo "This build of torch has another checksum than those in requirements-torch-cpu.lock: refused." >&2
    own_build_hint
    exit 1
  fi
  return 1
}

case "${TORCH:-auto}" in
  auto) if command -v nvidia-smi >/dev/null 2>&1; then build=cuda; else build=cpu; fi ;;
  cpu | cuda) build=$TORCH ;;
  *)
    echo "TORCH is '$TORCH'; it can be cpu, cuda or auto" >&2
    exit 1
    ;;
esac

if works; then
  kind=$("$environment/bin/python" -c 'import torch; print("cuda" if torch.version.cuda else "cpu")' 2>/dev/null)
  if [ "${TORCH:-auto}" != auto ] && [ "$kind" != "$build" ]; then
    echo "TORCH=$TORCH, but $environment has another build of torch: remove $environment and call make setup again" >&2
    exit 1
  fi
  exit
fi
if [ "$build" = cuda ] || ! cpu_build; then
  echo "Installing torch $version from PyPI; on Linux that is the CUDA build, several GB"
  [ "$build" = cuda ] || echo "(for the CPU build, set PIP_EXTRA_INDEX_URL to PyTorch's index of CPU builds)"
  if ! "$environment/bin/uv" pip install --quiet --python "$environment/bin/python" --compile-bytecode \
    --require-hashes --requirement requirements-torch.lock; then
    echo "No build of torch $version for this machine, with a checksum in requirements-torch.lock, could be installed." >&2
    own_build_hint
    exit 1
  fi
fi
works || {
  echo "torch $version was installed but can't be imported: run $environment/bin/python -c 'import torch' to see why" >&2
  exit 1
}

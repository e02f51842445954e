#!/usr/bin/env bash
# Proves on a machine with an NVIDIA GPU what no other can: engines are built in NVIDIA's container,
# loaded by NVIDIA's server of the same release, compared with the model, their precision is read
# back and their speed is measured against TorchScript. See docs/tensorrt.md.
#
#   deploy/gpu_check.sh [--quantized] [YY.MM]
#
# YY.MM is the release of Triton's container; without it, that of docker-compose.yml.
# --quantized adds int8 and fp8, for which NVIDIA ModelOpt is installed (6 GB).
set -euo pipefail

root=$(cd "$(dirname "$0")/.." && pwd)
models=(mnist_mlp mnist_cnn)
precisions=(fp32 tf32 fp16 bf16)
release=
modelopt_version=0.47.0

say() { printf '%s\n' "$*" >&2; }

refuse() {
  say "gpu_check: $*"
  exit 1
}

while (($#)); do
  case $1 in
    --quantized) precisions+=(int8 fp8) ;;
    [0-9][0-9].[0-9][0-9]) release=$1 ;;
    *) refuse "'$1' is neither --quantized nor a release like 26.09." ;;
  esac
  shift
done

if [[ -z $release ]]; then
  release=$(sed -n 's|.*nvcr.io/nvidia/tritonserver:\([0-9.]*\)-py3.*|\1|p' "$root/docker-compose.yml")
fi
server=nvcr.io/nvidia/tritonserver:$release-py3
builder=nvcr.io/nvidia/tensorrt:$release-py3

command -v nvidia-smi >/dev/null ||
  refuse "there is no nvidia-smi, so no NVIDIA driver. Run this on a machine with an NVIDIA GPU."
gpu=$(nvidia-smi --query-gpu=name,compute_cap,driver_version --format=csv,noheader) && [[ $gpu ]] ||
  refuse "the NVIDIA driver finds no GPU. Run this on a machine with one."
command -v docker >/dev/null ||
  refuse "there is no docker. Install it, with the NVIDIA Container Toolkit."
docker info >/dev/null 2>&1 ||
  refuse "docker cannot be reached. Start it, or run this as a user who may use it."
{ docker pull -q "$server" && docker pull -q "$builder"; } >&2 ||
  refuse "NVIDIA's containers of $release cannot be pulled. Check the network and the release."
docker run --rm --gpus all "$server" nvidia-smi >/dev/null 2>&1 ||
  refuse "$server does not run with a GPU. Install the NVIDIA Container Toolkit."

say "GPU: $gpu"
work=$(mktemp -d)
name=conch-gpu-check-$$
# Files in the folder belong to the containers' root, so a container removes them.
clean() {
  docker rm -f "$name-builder" "$name-server" >/dev/null 2>&1 || true
  docker run --rm -v "$work:/check" "$server" find /check -mindepth 1 -delete >/dev/null 2>&1 || true
  docker network rm "$name" >/dev/null 2>&1 || true
  rmdir "$work" 2>/dev/null || true
}
trap clean EXIT
docker network create "$name" >/dev/null

in_builder() { docker exec "$name-builder" "$@"; }

say "Starting $builder"
docker run -d --rm --gpus all --network "$name" --name "$name-builder" \
  -v "$root:/source:ro" -v "$work:/check" "$builder" sleep infinity >/dev/null
built_by=$(in_builder python3 -c 'import tensorrt; print(tensorrt.__version__)')
served_by=$(docker run --rm "$server" dpkg-query -W -f '${Version}\n' 'libnvinfer1[0-9]' |
  sed -n 's/-.*//p' | head -n 1)
[[ $built_by == "$served_by" ]] ||
  refuse "$builder has TensorRT $built_by and $server has $served_by; engines would not load."
say "TensorRT: $built_by in both containers"

say "Installing Conch beside it"
in_builder bash -ec '
  mkdir /conch
  tar -C /source --exclude=./.venv --exclude=./build --exclude=./.git -c . | tar -C /conch -x
  python3 -m venv --system-site-packages /check/venv
  PIP_CONSTRAINT=/conch/constraints.txt /check/venv/bin/pip install -q "/conch[export]"
'
modelopt=()
if [[ " ${precisions[*]} " == *" int8 "* ]]; then
  in_builder bash -ec "
    python3 -m venv /check/modelopt
    /check/modelopt/bin/pip install -q 'nvidia-modelopt[onnx]==$modelopt_version'
  "
  modelopt=(-e CONCH_MODELOPT_PYTHON=/check/modelopt/bin/python)
fi

# Each into a repository of its own: a repository holds one version of a model at a time to serve.
export_models() { # format precision
  docker exec "${modelopt[@]}" "$name-builder" /check/venv/bin/conch export "${models[@]}" \
    --format "$1" --precision "$2" --triton-release "$release" \
    --model-repository "/check/$1-$2" --state-dir /check/state >&2
}

serve() { # format precision
  # What is not to be rounded to TF32, NVIDIA's libraries might round all the same.
  local exact=(-e NVIDIA_TF32_OVERRIDE=0)
  if [[ $2 == tf32 ]]; then exact=(); fi
  docker rm -f "$name-server" >/dev/null 2>&1 || true
  docker run -d --gpus all --network "$name" --name "$name-server" -v "$work/$1-$2:/models:ro" \
    "${exact[@]}" --shm-size 1g "$server" tritonserver --model-repository=/models \
    --model-control-mode=explicit '--load-model=*' --disable-auto-complete-config >/dev/null
}

failed=0
check() { # format precision
  say "== $1 $2"
  if ! export_models "$1" "$2"; then
    say "gpu_check: $1 in $2 was refused, see above."
    failed=1
    return
  fi
  serve "$1" "$2"
  if ! in_builder /check/venv/bin/python /conch/deploy/gpu_check.py ask \
    "$name-server:8000" "/check/$1-$2" "${models[@]}" >>"$work/rows.jsonl"; then
    docker logs --tail 40 "$name-server" >&2
    failed=1
  fi
}

check torchscript fp32
for precision in "${precisions[@]}"; do
  check tensorrt "$precision"
done
in_builder /check/venv/bin/python /conch/deploy/gpu_check.py table /check/rows.jsonl
((failed == 0)) || refuse "not everything above is proven."

#!/usr/bin/env bash
# town, all stages, on two CPU cores: bash runs/town_cpu.sh [FOLDER]
# Hardware: 2 cores of an AMD EPYC (Zen 4, avx512_bf16), nothing else running. About 23 ms a sample in stages 1 and 2 and 50 in
# stage 3: 500,000 samples of stage 1 take 3.2 h, the other stages 2.5 h.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
out=${1:-out/town}
export OMP_WAIT_POLICY=PASSIVE GOMP_SPINCOUNT=10000
options=(--dtype auto --threads 2)

everroad train town-decoder --out "$out/decoder" "${options[@]}"
everroad train town-sketch --out "$out/sketch" "${options[@]}"
everroad train town-stage1 "init=$out/sketch" --out "$out/stage1" "${options[@]}"
python -m everroad.training.ship "$out/stage1" --decoder "$out/decoder" --sketch "$out/sketch" --out "$out/stage1.safetensors"
everroad train town-stage2 "init=$out/stage1.safetensors" --out "$out/stage2" "${options[@]}"
python -m everroad.training.ship "$out/stage1" "$out/stage2" --decoder "$out/decoder" --sketch "$out/sketch" --out "$out/stage2.safetensors"
everroad train town-stage3 "init=$out/stage2.safetensors" --out "$out/stage3" "${options[@]}"
python -m everroad.training.ship "$out"/stage{1,2,3} --decoder "$out/decoder" --sketch "$out/sketch" --out "$out/stage3.safetensors"
everroad train town-finish "init=$out/stage3.safetensors" --out "$out/finish" "${options[@]}"
python -m everroad.training.ship "$out"/stage{1,2,3} --decoder "$out/decoder" --sketch "$out/sketch" --finish "$out/finish" \
    --out "$out/town.safetensors"
everroad evaluate quick --weights "$out/town.safetensors" --out "$out/quick" --dtype auto

#!/usr/bin/env bash
# town, all stages, with eight times the samples: bash runs/town_gpu.sh [FOLDER]
# Hardware: one data-centre GPU and 16 CPU cores; not yet run. The painter makes about 40 frames/s a core, each serving 8 samples,
# so 14 render processes feed about 4,500 samples a second; expect some 20 minutes.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
out=${1:-out/town-gpu}
export OMP_NUM_THREADS=1
options=(--device cuda --dtype bfloat16)
plan=(plan.workers=14 plan.towns=56)

everroad train town-decoder "${plan[@]}" batch=64 --out "$out/decoder" "${options[@]}"
everroad train town-sketch plan.workers=14 plan.towns=160 batch=32 train_steps=8000 --out "$out/sketch" "${options[@]}"
everroad train town-stage1 "init=$out/sketch" "${plan[@]}" batch=128 train_steps=31250 optimiser.learning_rate=1e-3 --out "$out/stage1" "${options[@]}"
python -m everroad.training.ship "$out/stage1" --decoder "$out/decoder" --sketch "$out/sketch" --out "$out/stage1.safetensors"
everroad train town-stage2 "init=$out/stage1.safetensors" "${plan[@]}" batch=128 --out "$out/stage2" "${options[@]}"
python -m everroad.training.ship "$out/stage1" "$out/stage2" --decoder "$out/decoder" --sketch "$out/sketch" --out "$out/stage2.safetensors"
everroad train town-stage3 "init=$out/stage2.safetensors" "${plan[@]}" batch=128 --out "$out/stage3" "${options[@]}"
python -m everroad.training.ship "$out"/stage{1,2,3} --decoder "$out/decoder" --sketch "$out/sketch" --out "$out/stage3.safetensors"
everroad train town-finish "init=$out/stage3.safetensors" plan.workers=14 plan.towns=112 batch=32 train_steps=9000 --out "$out/finish" "${options[@]}"
python -m everroad.training.ship "$out"/stage{1,2,3} --decoder "$out/decoder" --sketch "$out/sketch" --finish "$out/finish" \
    --out "$out/town.safetensors"
everroad evaluate quick --weights "$out/town.safetensors" --out "$out/quick" --device cuda --dtype bfloat16

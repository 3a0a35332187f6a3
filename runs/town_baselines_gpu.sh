#!/usr/bin/env bash
# The baselines beside town, one seed, with stage 1's budget of runs/town_gpu.sh, whose sketch and decoder they share:
# bash runs/town_baselines_gpu.sh [FOLDER OF runs/town_gpu.sh]
# Hardware: one data-centre GPU and 16 CPU cores; not yet run.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
out=${1:-out/town-gpu}
export OMP_NUM_THREADS=1
options=(--device cuda --dtype bfloat16)
plan=(plan.workers=14 plan.towns=56 optimiser.learning_rate=1e-3)

everroad train town-frames "init=$out/sketch" "${plan[@]}" batch=128 train_steps=31250 --out "$out/frames" "${options[@]}"
everroad train town-clip "init=$out/sketch" "${plan[@]}" batch=16 train_steps=37500 --out "$out/clip" "${options[@]}"
for recipe in frames clip; do
    python -m everroad.evaluation.baselines.ship "$out/$recipe" --decoder "$out/decoder" --out "$out/$recipe.safetensors"
done
everroad evaluate compare "$out/stage1.safetensors" "frame-by-frame=$out/frames.safetensors" "one-shot=$out/clip.safetensors" \
    "chunked=$out/clip.safetensors" "diagonal=$out/clip.safetensors" repeat warp --out "$out/baselines" --device cuda --dtype bfloat16

#!/usr/bin/env bash
# town-nano and the baselines beside it, three seeds each, and how they drift: bash runs/nano_baselines.sh [FOLDER]
# Run it again to resume. STEPS=1500 trains so many train steps of 16 frames instead of 12,500 (docs/baselines.md says which were measured).
# SEEDS="0" and RECIPES="stage1 frames clip clip-levels" choose others; what they are is in docs/baselines.md.
# Hardware: 2 cores; with STEPS=1500 some two hours. On one thread in bf16 a train step of clips takes 0.2 s: 50 minutes for 15,000.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
out=${1:-out/nano}
steps=${STEPS:-12500}
export OMP_WAIT_POLICY=PASSIVE GOMP_SPINCOUNT=10000
options=(--dtype auto --threads "${THREADS:-2}")

everroad train town-nano-decoder ${STEPS:+train_steps=$STEPS} --out "$out/decoder" "${options[@]}"
sources=(repeat warp)
for seed in ${SEEDS:-0 1 2}; do
    for recipe in ${RECIPES:-stage1 frames clip}; do
        run="$out/$recipe-$seed"
        count=$steps
        [[ $recipe == clip* ]] && count=$((steps * 6 / 5)) # of a clip's 8 frames some are given: as many are asked about
        everroad train "town-nano-$recipe" "seed=$seed" "train_steps=$count" --out "$run" "${options[@]}"
        case $recipe in
        stage1) python -m everroad.training.ship "$run" --decoder "$out/decoder" --out "$out/everroad-$seed.safetensors" ;;
        *) python -m everroad.evaluation.baselines.ship "$run" --decoder "$out/decoder" --out "$run.safetensors" ;;
        esac
        case $recipe in
        stage1) sources+=("$out/everroad-$seed.safetensors") ;;
        frames) sources+=("frame-by-frame=$run.safetensors") ;;
        *) sources+=("one-shot=$run.safetensors" "chunked=$run.safetensors" "diagonal=$run.safetensors") ;;
        esac
    done
done
python -m everroad.evaluation.drift_curves "${sources[@]}" --towns 64 --frames 240 --dtype bfloat16 --out "$out/drift"

#!/usr/bin/env bash
# The baselines on town-nano that learn, three seeds each: bash runs/nano_baselines.sh [FOLDER]
# Run it again to resume. SEEDS="0" and RECIPES="frames clip clip-levels" choose others; what they are is in docs/baselines.md.
# Hardware: 2 cores; not yet run as a whole. On one thread in bf16 a train step of clips takes 0.2 s: 50 minutes for 15,000.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
out=${1:-out/nano}
export OMP_WAIT_POLICY=PASSIVE GOMP_SPINCOUNT=10000
options=(--dtype auto --threads "${THREADS:-2}")

everroad train town-nano-decoder --out "$out/decoder" "${options[@]}"
for seed in ${SEEDS:-0 1 2}; do
    for recipe in ${RECIPES:-frames clip}; do
        run="$out/$recipe-$seed"
        everroad train "town-nano-$recipe" "seed=$seed" --out "$run" "${options[@]}"
        python -m everroad.evaluation.baselines.ship "$run" --decoder "$out/decoder" --out "$run.safetensors"
    done
done

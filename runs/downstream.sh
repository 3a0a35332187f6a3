#!/usr/bin/env bash
# Detectors trained on generated, on real and on both: bash runs/downstream.sh [small|whole] [FOLDER]
# small: 40 towns, 12 trainings of 600 train steps, on the CPU. whole: 320 towns, 12 trainings of 6,000, on one data-centre GPU and 16
# CPU cores; not yet run. The tables are in FOLDER/downstream.md. Run again it goes on where it was.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
scale=${1:-small}
out=${2:-out/downstream-$scale}
export OMP_NUM_THREADS="${OMP_NUM_THREADS:-$(nproc)}" OMP_WAIT_POLICY=PASSIVE

python -m everroad.evaluation.downstream --scale "$scale" --seeds 3 --out "$out"

#!/usr/bin/env bash
# town, fine-tuned on the first 7.2 s of a dash-cam clip and compared on the rest: bash runs/dashcam_cpu.sh [CLIP.mp4] [FOLDER]
# Hardware: 2 cores of an AMD EPYC (Zen 4, avx512_bf16): 8 minutes. What to expect is in docs/recordings.md.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
clip=${1:-../shared/data/dashcam/highway.mp4}
out=${2:-out/dashcam}
export OMP_WAIT_POLICY=PASSIVE GOMP_SPINCOUNT=10000
options=(--dtype auto --threads "${THREADS:-2}")
# 7.2 s are the clip's first 180 of 221 frames: 87 at 12 Hz, and 19 are left.
held_out=7.2
recorded=("recorded.path=$out/recordings" "recorded.until_s=$held_out" "plan.cache_dir=$out/cache" plan.segments=6 plan.frames=13 batch=8)

everroad scenario convert "$clip" --out "$out/recordings/highway.json" --frame-rate 12

everroad train town-stage1 init=packaged "${recorded[@]}" plan.towns=2 plan.uses=16 train_steps=300 own.depth=6 own.from_nothing=0 \
    degrade.drop_previous=0.1 optimiser.learning_rate=6e-4 optimiser.schedule=cosine optimiser.warmup_steps=10 \
    optimiser.ema_decay=0.97 --out "$out/stage1" "${options[@]}"
python -m everroad.training.ship "$out/stage1" --out "$out/stage1.safetensors"
everroad train town-finish "init=$out/stage1.safetensors" "${recorded[@]}" plan.towns=1 plan.uses=40 train_steps=150 own.depth=6 \
    own.from_nothing=0 realism.weight=0 optimiser.learning_rate=4e-4 optimiser.warmup_steps=10 optimiser.ema_decay=0.95 \
    --out "$out/finish" "${options[@]}"
python -m everroad.training.ship "$out/stage1" --finish "$out/finish" --out "$out/dashcam.safetensors"

python -m everroad.evaluation.recorded "$out/recordings" --from-s "$held_out" --frames 18 --weights "$out/dashcam.safetensors" \
    --out "$out/held_out"

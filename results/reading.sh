#!/usr/bin/env bash
# What each open point of the paper does to the score: MCN on the synthetic shapes, one flag at a time.
# usage: results/reading.sh SEED [NAME...]      without names, all alternatives of results/reading.py
set -euo pipefail
cd "$(dirname "$0")/.."
EPOCHS=${EPOCHS:-20}
seed=$1; shift
data=runs/claim/shapes_clips # made by results/claim.sh
python results/reading.py flags | while read -r name flags; do
  [ $# = 0 ] || [[ " $* " == *" $name "* ]] || continue
  run=runs/reading/${name}_$seed
  [ -e "$run/checkpoints/last.pt" ] && resume=--resume || resume=
  kinema pretrain tiny_mcn --train.epochs "$EPOCHS" --train.probe-every 0 --train.seed "$seed" \
    --clip.size 32 --clip.short-side 38 --clip.stride 3 --data "$data" --out "$run" $flags $resume </dev/null
  kinema retrieve "$run" --no-random-init --view both --evaluation.clips 4 </dev/null
  mkdir -p "results/studies/reading/${name}_$seed" && cp "$run"/results/*.json "results/studies/reading/${name}_$seed/"
done

#!/usr/bin/env bash
# The runs behind the pictures of docs/figures.md: synthetic clips at 112 px, so that the last map has 2 x 7 x 7 cells.
# usage: results/figures.sh RECIPE...    with RECIPE tiny_cmc, tiny_mcn or tiny_mcn_plus
set -euo pipefail
cd "$(dirname "$0")/.."
data=runs/figures/clips
mkdir -p runs/figures
flock runs kinema data synthetic "$data" --train 384 --test 160 --size 128 --seed 21
for recipe in "$@"; do
  run=runs/figures/${recipe#tiny_}
  [ -e "$run/checkpoints/last.pt" ] && resume=--resume || resume=
  kinema pretrain "$recipe" --data "$data" --out "$run" $resume --train.epochs "${EPOCHS:-16}" --train.probe-every 0 \
    --clip.frames 16 --clip.stride 2 --clip.size 112 --clip.short-side 120
done

#!/usr/bin/env bash
# What each open point of the paper does to the score: MCN on the synthetic shapes, one flag at a time.
# usage: results/reading.sh SEED [NAME...]      without names, all alternatives of results/open_points.py
# After `results/claim.sh shapes SEED mcn cmc`, whose clips and networks it uses.
set -euo pipefail
cd "$(dirname "$0")/.."
EPOCHS=${EPOCHS:-20}
seed=$1; shift
clips=runs/claim/shapes_clips
packed=${DATA:-.}/shapes_clips # the same clips packed, if DATA has them: the same figures, sooner
flow=runs/claim/shapes_flow
python results/reading.py flags | while read -r name verb flags; do
  [ $# = 0 ] || [[ " $* " == *" $name "* ]] || continue
  run=runs/reading/${name}_$seed
  shown="--view both" data=$clips
  if [[ $flags == *--flow* ]]; then
    shown="--view rgb+flow --flow $flow"
    flock runs/claim kinema data flow "$clips" --out "$flow" --short-side 38 </dev/null
  elif [ -e "$packed" ]; then
    data=$packed
  fi
  if [ "$verb" = pretrain ]; then
    [ -e "$run/checkpoints/last.pt" ] && resume=--resume || resume=
    kinema pretrain tiny_mcn --train.epochs "$EPOCHS" --train.probe-every 0 --train.seed "$seed" \
      --clip.size 32 --clip.short-side 38 --clip.stride 3 --data "$data" --out "$run" $flags $resume </dev/null
    verb=retrieve
  else
    mkdir -p "$run" && cp -r runs/claim/shapes/mcn_"$seed"/* "$run/" && rm -rf "$run/results"
    [[ $flags == *--flow* ]] || shown+=" $flags"
    if [ "$verb" = finetune ]; then
      shown="$flags --finetune.select last --finetune.epochs $EPOCHS --finetune.batch-size 16"
    fi
  fi
  kinema "$verb" "$run" --no-random-init --evaluation.clips 4 $shown </dev/null
  mkdir -p "results/studies/reading/${name}_$seed" && cp "$run"/results/*.json "results/studies/reading/${name}_$seed/"
done

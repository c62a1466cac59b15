#!/usr/bin/env bash
# After results/claim.sh mocap15: its runs on weizmann9, on which they were not trained; seven folds, each person's videos in turn
# usage: results/transfer.sh SEED VARIANT...
# DATA holds the data sets; result files go to results/studies/claim/weizmann9/, VARIANT_minus_cmc.json with seed 2, the last.
set -euo pipefail
cd "$(dirname "$0")/.."
DATA=${DATA:-../shared/data}
seed=$1; shift

folds=(--train "$DATA"/weizmann9/lopo/train_*.csv --test "$DATA"/weizmann9/lopo/test_*.csv)
for variant in "$@"; do
  run=runs/claim/mocap15/${variant}_$seed
  base=--no-random-init; [ "$variant" = cmc ] && base= # every variant begins from the same network
  kinema retrieve "$run" $base --view both --evaluation.clips 4 "${folds[@]}"
  kinema linear "$run" $base --view both --evaluation.clips 4 "${folds[@]}"
  out=results/studies/claim/weizmann9/${variant}_$seed
  mkdir -p "$out" && cp "$run"/results/{retrieval,linear}_*weizmann9*.json "$out/" && rm -f "$out"/*_minus_*
  if [ "$seed" = 2 ] && [ "$variant" != cmc ]; then
    kinema compare runs/claim/mocap15/"${variant}"_[0-2] --against runs/claim/mocap15/cmc_[0-2] --view both --evaluation.clips 4 "${folds[@]}"
    first=runs/claim/mocap15/${variant}_0/results
    cp "$(ls -t "$first"/retrieval_*weizmann9*_minus_cmc_0*.json | head -1)" "results/studies/claim/weizmann9/${variant}_minus_cmc.json"
  fi
done

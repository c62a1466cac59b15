#!/usr/bin/env bash
# Supervised training beside the claim's runs: from random weights (from scratch), and from a variant's.
# usage: results/supervised.sh SET SEED VARIANT...    after results/claim.sh SET SEED VARIANT...; from scratch goes with cmc
set -euo pipefail
cd "$(dirname "$0")/.."
EPOCHS=${EPOCHS:-20}
set=$1 seed=$2; shift 2
for variant in "$@"; do
  run=runs/claim/$set/${variant}_$seed
  base=--no-random-init; [ "$variant" = cmc ] && base=
  for view in ${VIEWS:-rgb residual}; do
    kinema finetune "$run" $base --view "$view" --evaluation.clips 4 --finetune.select last \
      --finetune.epochs "$EPOCHS" --finetune.batch-size 16 --finetune.lr 0.02 --finetune.dropout 0
  done
  out=results/studies/claim/$set/${variant}_$seed
  mkdir -p "$out" && cp "$run"/results/*.json "$out/"
done

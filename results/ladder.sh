#!/usr/bin/env bash
# The ladder: every method with one network, one clip, one optimiser and one number of clips that the network sees.
# usage: results/ladder.sh SET SEED METHOD...    with SET mocap15 or asl18; METHOD one that has a recipe tiny_METHOD, or
#        supervised: training with labels from random weights and from those of cmc, after cmc of the same set and seed
# DATA holds the data sets; runs go to runs/ladder/SET/, result files to results/studies/ladder/SET/.
# Twenty epochs of CMC are CLIPS=40, so the claim's runs of cmc, mcn and mcn_plus are the ladder's too:
#        mkdir -p runs/ladder/mocap15 && ln -s ../../claim/mocap15/cmc_0 runs/ladder/mocap15/
set -euo pipefail
cd "$(dirname "$0")/.."
DATA=${DATA:-../shared/data}
CLIPS=${CLIPS:-40} # of each video, counted as results/ladder.py says
set=$1 seed=$2; shift 2
data=$DATA/$set

for method in "$@"; do
  run=runs/ladder/$set/${method}_$seed
  if [ "$method" = supervised ]; then
    run=runs/ladder/$set/cmc_$seed
    kinema finetune "$run" --evaluation.clips 4 --finetune.select last --finetune.epochs "$CLIPS" \
      --finetune.batch-size 16 --finetune.lr 0.02 --finetune.dropout 0
  else
    plan=$(python results/ladder.py plan "tiny_$method" "$CLIPS")
    read -r epochs flow views <<< "$plan"
    flags=(--train.epochs "$epochs" --train.probe-every 0 --train.seed "$seed")
    if [ "$flow" = flow ]; then
      flags+=(--flow "runs/ladder/flow/$set")
      mkdir -p runs/ladder/flow && flock runs/ladder/flow kinema data flow "$data" --out "runs/ladder/flow/$set"
    fi
    [ -e "$run/checkpoints/last.pt" ] && flags+=(--resume)
    kinema pretrain "tiny_$method" "${flags[@]}" --data "$data" --out "$run"
    base=--no-random-init; [ "$method" = cmc ] && base= # random init is one network for all methods: once is enough
    for view in $views; do
      kinema retrieve "$run" $base --view "$view" --evaluation.clips 4
      kinema linear "$run" $base --view "$view" --evaluation.clips 4
    done
  fi
  out=results/studies/ladder/$set/${method}_$seed
  mkdir -p "$out"
  if [ "$method" = supervised ]; then
    cp "$run/results/finetune_$set"{,_random_init}.json "$out/"
  else
    cp "$run"/results/{retrieval,linear}_"$set"*.json "$out/"
  fi
done

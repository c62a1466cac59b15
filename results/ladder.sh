#!/usr/bin/env bash
# The ladder: every method with one network, one clip, one optimiser and one number of clips that the network sees.
# usage: results/ladder.sh SET SEED METHOD...    with SET mocap15 or asl18; METHOD one that has a recipe tiny_METHOD, or
#        supervised: training with labels from random weights and from those of cmc, after cmc of the same set and seed;
#        coclr is three runs, InfoNCE on RGB and on flow and then RGB with flow's help, each of a third of the clips
# DATA holds the data sets; runs go to runs/ladder/SET/, result files to results/studies/ladder/SET/.
# Twenty epochs of CMC are CLIPS=40, so the claim's runs of cmc, mcn and mcn_plus are the ladder's too:
#        mkdir -p runs/ladder/mocap15 && ln -s ../../claim/mocap15/cmc_0 runs/ladder/mocap15/
set -euo pipefail
cd "$(dirname "$0")/.."
DATA=${DATA:-../shared/data}
CLIPS=${CLIPS:-40} # of each video, counted as results/ladder.py says
set=$1 seed=$2; shift 2
data=$DATA/$set

pretrain() { # METHOD CLIPS RUN [INITIAL_RUN FLAG...]: sets views to what there is to measure
  local plan epochs flow flags=(--train.probe-every 0 --train.seed "$seed" "${@:5}")
  plan=$(python results/ladder.py plan "tiny_$1" "$2")
  read -r epochs flow views <<< "$plan"
  if [ "$flow" = flow ]; then
    flags+=(--flow "runs/ladder/flow/$set")
    mkdir -p runs/ladder/flow && flock runs/ladder/flow kinema data flow "$data" --out "runs/ladder/flow/$set" --short-side 64
  fi
  if [ -e "$3/checkpoints/last.pt" ]; then
    flags+=(--resume)
  elif [ -n "${4:-}" ]; then
    flags+=(--init-from "$4")
  fi
  kinema pretrain "tiny_$1" --train.epochs "$epochs" "${flags[@]}" --data "$data" --out "$3"
}

for method in "$@"; do
  run=runs/ladder/$set/${method}_$seed
  if [ "$method" = supervised ]; then
    run=runs/ladder/$set/cmc_$seed
    kinema finetune "$run" --evaluation.clips 4 --finetune.select last --finetune.epochs "$CLIPS" \
      --finetune.batch-size 16 --finetune.lr 0.02 --finetune.dropout 0
  else
    if [ "$method" = coclr ]; then
      third=$(python -c "print($CLIPS / 3)") infonce=runs/ladder/$set/coclr_infonce_$seed
      pretrain coclr_infonce "$third" "$infonce"
      pretrain coclr_infonce_flow "$third" "${infonce}_flow"
      pretrain coclr "$third" "$run" "$infonce" --method.oracle "${infonce}_flow"
    else
      pretrain "$method" "$CLIPS" "$run"
    fi
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

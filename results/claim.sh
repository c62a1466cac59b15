#!/usr/bin/env bash
# The claim, tested: CMC (CL), CL + BL, MCN and mcn_plus under equal epochs and equal gradient steps, several seeds each.
# usage: results/claim.sh SET SEED VARIANT...    with SET mocap15, asl18 or shapes
# DATA holds the data sets; runs go to runs/claim/SET/, result files to results/studies/claim/SET/.
set -euo pipefail
cd "$(dirname "$0")/.."
DATA=${DATA:-../shared/data}
EPOCHS=${EPOCHS:-20}
set=$1 seed=$2; shift 2

flags=(--train.epochs "$EPOCHS" --train.probe-every 0 --train.seed "$seed")
if [ "$set" = shapes ]; then
  data=runs/claim/shapes_clips
  flock runs kinema data synthetic "$data" --train 768 --test 640 --train-looks 96 --test-looks 80 --seed 11
  flags+=(--clip.size 32 --clip.short-side 38 --clip.stride 3)
else
  data=$DATA/$set
fi

recipe() { # VARIANT: the recipe and what differs from it
  case $1 in
    *_bf16) echo "$(recipe "${1%_bf16}")" --train.precision bf16-mixed ;;
    cmc) echo tiny_cmc ;;
    clbl) echo tiny_mcn --method.meta.order 0 --train.batch-size 16 ;;  # CL + BL, no stages; as many videos a step
    mcn) echo tiny_mcn ;;
    mcn_order2) echo tiny_mcn --method.meta.order 2 ;;
    mcn_fixed) echo tiny_mcn --method.meta.resplit never ;;             # D_s and D_q as the paper's "Initialize" has them
    mcn_half) echo tiny_mcn --train.batch-size 16 ;;                    # the paper's batch a stage: half as many steps
    mcn_no_pairs) echo tiny_mcn --method.alpha 0 ;;                     # two stages of CL alone
    mcn_both_halves) echo tiny_mcn --method.meta.support-loss-weight 1 ;; # the support half has a gradient, too
    mcn_alpha*) echo tiny_mcn --method.alpha "0.${1#mcn_alpha}" ;;
    cmc_frames*) echo tiny_cmc --clip.frames "${1#cmc_frames}" ;;
    mcn_frames*) echo tiny_mcn --clip.frames "${1#mcn_frames}" ;;
    mcn_plus) echo tiny_mcn_plus ;;
    plus_frames*) echo tiny_mcn_plus --clip.frames "${1#plus_frames}" ;;
    plus_one_stage) echo tiny_mcn_plus --method.meta.order 0 --train.batch-size 16 ;;
    plus_shuffled) echo tiny_mcn_plus --train.batches shuffled ;;
    plus_bank) echo tiny_mcn_plus --method.contrast.source bank ;;
    plus_no_pairs) echo tiny_mcn_plus --method.alpha 0 ;;
    plus_shared_crop) echo tiny_mcn_plus --method.views.no-independent-augment ;;
    plus_query_only) echo tiny_mcn_plus --method.meta.support-loss-weight 0 ;;
    plus_order2) echo tiny_mcn_plus --method.meta.order 2 ;;
    *) echo "unknown variant $1" >&2; exit 2 ;;
  esac
}

for variant in "$@"; do
  run=runs/claim/$set/${variant}_$seed
  [ -e "$run/checkpoints/last.pt" ] && resume=--resume || resume=
  kinema pretrain $(recipe "$variant") "${flags[@]}" --data "$data" --out "$run" $resume
  base=--no-random-init; [ "$variant" = cmc ] && base= # every variant begins from the same network
  for view in ${VIEWS:-both}; do
    kinema retrieve "$run" $base --view "$view" --evaluation.clips 4
    kinema linear "$run" $base --view "$view" --evaluation.clips 4
    # Not on asl18: one signer made all of its test videos, so there is one look.
    [ "$set" = asl18 ] || kinema hardpositives "$run" $base --view "$view" --evaluation.clips 4
  done
  out=results/studies/claim/$set/${variant}_$seed
  mkdir -p "$out" && cp "$run"/results/*.json "$out/"
done

#!/usr/bin/env bash
# What JPEG frames cost a network: learning from raw frames and from a JPEG store, and reading each with what was learnt.
# usage: results/quality.sh SET SEED LEARN READ...    with SET mocap15 or asl18; LEARN and READ raw, q90 or q75
# Train videos alone: one half of them, of looks or of signers that the other half has not, is looked for in the other.
# Stores are made in runs/quality/, runs go beside them, result files to results/studies/quality/SET/.
set -euo pipefail
cd "$(dirname "$0")/.."
DATA=${DATA:-../shared/data}
EPOCHS=${EPOCHS:-20}
set=$1 seed=$2 learn=$3; shift 3
mkdir -p runs/quality
case $set in
  mocap15) recipe=tiny_mcn_plus view=both gallery='/tr_0[0-3]' query='/tr_0[4-7]' ;; # looks 0-39, and 40-79
  asl18) recipe=tiny_simclr view=rgb gallery=/jack_ query=/kag_ ;;
  *) echo "unknown set $set" >&2; exit 2 ;;
esac

store() { # KIND: packs the set once, with a list of each half of its train videos beside it
  local store=runs/quality/${set}_$1 kind=(--kind raw)
  [ "$1" = raw ] || kind=(--quality "${1#q}")
  grep -q '"complete": true' "$store/store.json" 2> /dev/null || # or another run that reads it would find it unfinished
    kinema data pack "$DATA/$set" --out "$store" "${kind[@]}" > "$store.log"
  for half in gallery query; do
    (echo path,label; grep "${!half}" "$DATA/$set/train.csv" | sed "s|^|$(basename "$store")/|") > "${store}_$half.csv"
  done
}

run=runs/quality/${set}_${learn}_$seed
[ -e "$run/checkpoints/last.pt" ] && resume=--resume || resume=
flock runs/quality bash -c "$(declare -f store); $(declare -p set DATA gallery query); store $learn"
kinema pretrain "$recipe" --train.epochs "$EPOCHS" --train.probe-every 0 --train.seed "$seed" \
  --data "runs/quality/${set}_$learn" --out "$run" $resume
for read in "$@"; do
  flock runs/quality bash -c "$(declare -f store); $(declare -p set DATA gallery query); store $read"
  lists=(--train "runs/quality/${set}_${read}_gallery.csv" --test "runs/quality/${set}_${read}_query.csv")
  kinema retrieve "$run" --no-random-init --view "$view" --evaluation.clips 4 "${lists[@]}"
  out=results/studies/quality/$set/${learn}_${seed}_read_$read
  mkdir -p "$out" && mv "$run"/results/*.json "$out/"
done

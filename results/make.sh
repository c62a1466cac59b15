#!/usr/bin/env bash
# Everything behind the README's tables: pre-training, evaluation, transfer. About two hours on two CPU cores.
# DATA holds the data sets; the runs go to runs/, the result files to results/.
set -euo pipefail
cd "$(dirname "$0")/.."
DATA=${DATA:-../shared/data}
export OMP_NUM_THREADS=1  # two runs side by side

for set in mocap15 asl18; do
  kinema data check "$DATA/$set" --frames 29 || true # findings are printed; nothing is bad in these sets
  for method in cmc mcn; do
    run=runs/${set}_$method
    [ -e "$run" ] || kinema pretrain "tiny_$method" --data "$DATA/$set" --out "$run" &
  done
  wait
done

folds() { ls "$DATA"/weizmann9/lopo/"$1"_*.csv; }
measure() { # SET METHOD
  run=runs/$1_$2
  # Random init is the same network for both methods, so it is measured once, for MCN's report.
  only=(); [ "$2" = mcn ] || only=(--no-random-init)
  for view in rgb residual; do
    kinema retrieve "$run" --view $view "${only[@]}"
    kinema linear "$run" --view $view "${only[@]}"
    kinema retrieve "$run" --view $view "${only[@]}" --train $(folds train) --test $(folds test)
    kinema linear "$run" --view $view "${only[@]}" --train $(folds train) --test $(folds test)
  done
  kinema knn "$run" "${only[@]}"
  for view in residual rgb; do
    kinema finetune "$run" --view $view "${only[@]}" \
      --finetune.epochs 12 --finetune.batch-size 16 --finetune.lr 0.02 --finetune.dropout 0
  done
  kinema report "$run"
  mkdir -p "results/$1_$2" && cp "$run"/results/*.json "results/$1_$2/"
}

for set in mocap15 asl18; do
  (measure $set cmc && measure $set mcn) &
done
wait
make results

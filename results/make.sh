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
for set in mocap15 asl18; do
  for method in cmc mcn; do
    run=runs/${set}_$method
    # Random init is the same network for both methods, so it is measured once.
    only=(); [ "$method" = cmc ] || only=(--no-random-init)
    for view in rgb residual; do
      kinema retrieve "$run" --view $view "${only[@]}"
      kinema linear "$run" --view $view "${only[@]}"
    done
    kinema knn "$run" "${only[@]}"
    kinema finetune "$run" "${only[@]}" --finetune.epochs 8 --finetune.batch-size 16 --finetune.lr 0.01
    kinema retrieve "$run" "${only[@]}" --train $(folds train) --test $(folds test)
    kinema linear "$run" "${only[@]}" --train $(folds train) --test $(folds test)
    kinema report "$run"
    mkdir -p "results/${set}_$method" && cp "$run"/results/*.json "results/${set}_$method/"
  done
done
make readme

#!/usr/bin/env bash
# After results/claim.sh: each variant's seeds against those of another, e.g. results/compare.sh mocap15 cmc mcn_plus mcn
# usage: results/compare.sh SET AGAINST VARIANT...
set -euo pipefail
cd "$(dirname "$0")/.."
set=$1 against=$2; shift 2
for variant in "$@"; do
  first=runs/claim/$set/${variant}_0
  kinema compare runs/claim/"$set"/"${variant}"_[0-9] --against runs/claim/"$set"/"$against"_[0-9] \
    --view both --evaluation.clips 4
  cp "$(ls -t "$first"/results/retrieval_*_both_minus_"$against"_0*.json | head -1)" "results/studies/claim/$set/${variant}_minus_$against.json"
done

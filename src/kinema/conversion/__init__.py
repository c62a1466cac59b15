"""From a checkpoint of another repository to a folder that every verb takes as it takes a run.

family.py     what there is to say of a repository's checkpoints
families.py   the repositories
names.py      how their tensors are named here
reading.py    a file to its tensors, without running anything in it
coverage.py   which tensor of the file goes where, and what is left over
convert.py    all of it: `convert(file, family, out=...)`
"""

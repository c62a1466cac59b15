"""Search by example in the vectors that `kinema embed` makes: `kinema search`, and `kinema.search.Index` in Python.

```python
from kinema.search import Index

index = Index.open("vectors/")
index.query("q.mp4", k=5)
index.query(["kick.mp4", "jump.mp4@2-4"], without=["walk.mp4"], labels=["sport"])
index.duplicates(0.98)
```
"""

from kinema.search.duplicates import Group
from kinema.search.examples import Example
from kinema.search.index import Index
from kinema.search.rows import Hit

__all__ = ["Example", "Group", "Hit", "Index"]

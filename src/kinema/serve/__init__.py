"""`kinema serve`: an index as a page for browsers, from this machine alone and without the network.

    collection   the clips of the index           files      which of their files may be opened
    previews     thumbnails, made apart and kept  network    vectors and attention of the run's network
    plane        the map                          probe      few-shot labelling           runs   curves and tables
    answers      what is answered                 app        at which address             guard  to whom
    static       the page: HTML, style sheet and ES modules, as they are

```python
from kinema.serve import serving

with serving("vectors/", port=0) as page:
    print(page.url)
    page.run()
```
"""

from kinema.serve.server import Serving, serving

__all__ = ["Serving", "serving"]

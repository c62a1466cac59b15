"""`kinema table N` as functions: the paper's tables, and our results in them."""

"""One file for each group of verbs: its flags as a dataclass, and what it prints."""

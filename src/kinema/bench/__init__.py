"""`kinema bench`: how fast kinema is, beside something that anyone can hold it against, on this machine."""

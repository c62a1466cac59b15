"""What a representation is worth: retrieval, kNN, a linear probe, fine-tuning, and the record of each."""

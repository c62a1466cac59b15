"""Pictures of a run: curves, neighbours, attention, a map of the embedding, and the page that holds them."""

"""The training loop and what it needs: schedule, checkpoint, log."""

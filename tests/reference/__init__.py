"""The field's formulas once more, in NumPy and loops, as the papers print them; nothing here imports torch."""

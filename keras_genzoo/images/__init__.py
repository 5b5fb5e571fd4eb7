"""Images: their range (`pixels`), files of them (`pictures`) and grids of them (`grids`). None needs Keras."""

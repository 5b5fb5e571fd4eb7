"""Images: value ranges (`pixels`), picture files (`pictures`) and grids (`grids`), without importing Keras."""

"""The seeds of randomly generated datasets."""

# The seeds define these datasets: another seed gives another dataset. They are for `numpy.random.RandomState`, whose
# stream is the same in all NumPy versions, unlike that of `default_rng`.
SEEDS = {"train": 0, "test": 1}

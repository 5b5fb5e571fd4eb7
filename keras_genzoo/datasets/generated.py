"""The seeds of data sets that are drawn at random."""

# Part of what these data sets are: another seed makes another data set. They are seeds of `numpy.random.RandomState`,
# whose numbers NumPy never changes, as it may those of `default_rng`: a data set is the same under every version.
SEEDS = {"train": 0, "test": 1}

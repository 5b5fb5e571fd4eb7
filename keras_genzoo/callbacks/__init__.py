"""Callbacks for `fit`: sample grids, evaluation, logging, best model, training health, and backups."""

from keras_genzoo.callbacks.backup import Backup, Interrupted, WorkerLost
from keras_genzoo.callbacks.health import TrainingHealth
from keras_genzoo.callbacks.monitoring import Evaluate, JSONLines, KeepBest, SampleGrid

__all__ = [
    "Backup",
    "Evaluate",
    "Interrupted",
    "JSONLines",
    "KeepBest",
    "SampleGrid",
    "TrainingHealth",
    "WorkerLost",
]

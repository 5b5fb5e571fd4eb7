"""One helper for each promise that every family keeps.

A family's test file defines `make_model`, a function of the module (or a `functools.partial` of one, so that
a fresh process can import it) that returns a compiled model, and `data`, the tuple that `fit` takes:
`(images,)`, `(images, labels)` or `(sources, targets)`. Each helper is then one call.
"""

from tests.support.original_files import require_original_files
from tests.support.other_backend import check_other_backend
from tests.support.processes import ROOT, finish, fresh_process, start_process
from tests.support.replicas import (
    check_replica_noise_differs,
    check_replicas_equal_one_device,
    check_two_workers,
    give_latents,
    run_as_two_workers,
    two_logical_devices,
)
from tests.support.resume import check_resume
from tests.support.saving import (
    check_compile_config,
    check_keras_round_trip,
    check_preset_round_trip,
    check_weight_paths,
    weight_paths,
)
from tests.support.states import assert_same_state, sample, state_of
from tests.support.toys import as_if_trained, output_of, to_numpy, toy_data, toy_images, toy_labels
from tests.support.training import check_mixed_precision, check_training_step

__all__ = [
    "ROOT",
    "as_if_trained",
    "assert_same_state",
    "check_compile_config",
    "check_keras_round_trip",
    "check_mixed_precision",
    "check_other_backend",
    "check_preset_round_trip",
    "check_replica_noise_differs",
    "check_replicas_equal_one_device",
    "check_resume",
    "check_training_step",
    "check_two_workers",
    "check_weight_paths",
    "finish",
    "fresh_process",
    "give_latents",
    "output_of",
    "require_original_files",
    "run_as_two_workers",
    "sample",
    "start_process",
    "state_of",
    "to_numpy",
    "toy_data",
    "toy_images",
    "toy_labels",
    "two_logical_devices",
    "weight_paths",
]

"""What tests share: tiny data, answers of models, files, fresh processes, replicas, interrupted runs.

`make_model` is a function of a module, or a `functools.partial` of one, so that a fresh process can import it; it
returns a compiled model. `data` is the tuple that `fit` takes: `(images,)`, `(images, labels)` or
`(sources, targets)`.
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
    start_two_workers,
    two_logical_devices,
)
from tests.support.resume import check_resume
from tests.support.saving import (
    arrays_in,
    check_compile_config,
    check_keras_round_trip,
    check_preset_round_trip,
    check_weight_paths,
    weight_paths,
)
from tests.support.states import assert_same_state, sample, state_of
from tests.support.toys import as_if_trained, output_of, to_numpy, toy_data, toy_images, toy_labels
from tests.support.training import check_mixed_precision, check_training_step, eagerly

__all__ = [
    "ROOT",
    "arrays_in",
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
    "eagerly",
    "finish",
    "fresh_process",
    "give_latents",
    "output_of",
    "require_original_files",
    "run_as_two_workers",
    "sample",
    "start_process",
    "start_two_workers",
    "state_of",
    "to_numpy",
    "toy_data",
    "toy_images",
    "toy_labels",
    "two_logical_devices",
    "weight_paths",
]

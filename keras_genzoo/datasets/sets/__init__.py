"""The named data sets: one file each, or one for a few that are made of the same files.

A file describes a data set by an `Info` and registers it; all files of this folder are imported.
"""

import importlib
import pkgutil

for _module in pkgutil.iter_modules(__path__, f"{__name__}."):
    importlib.import_module(_module.name)

"""The named datasets: one file per dataset, or per group of datasets made from the same files.

Each file registers its datasets as `Info` objects. All files of this folder are imported.
"""

import importlib
import pkgutil

for _module in pkgutil.iter_modules(__path__, f"{__name__}."):
    importlib.import_module(_module.name)

"""`python -m keras_genzoo` is the command `genzoo`."""

import sys

from keras_genzoo.cli import main

sys.exit(main())

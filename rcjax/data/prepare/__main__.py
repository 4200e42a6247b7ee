"""`python -m rcjax.data.prepare NAME`: see the package."""

import sys

from rcjax.data.prepare.preparing import main

sys.exit(main())
